"""QR codes, for the camera of a phone."""

from __future__ import annotations


def svg(text: str) -> str:
    """The code as an SVG image, black on white, as big as its frame."""
    import segno

    return str(segno.make(text, error="m").svg_inline(scale=4, dark="#000", light="#fff", omitsize=True))
