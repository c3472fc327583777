"""Tiro: self-hosted speech to text.

    import tiro

    transcript = tiro.transcribe("call.wav")
    for segment in transcript.segments:
        print(segment.speaker, segment.start, segment.text)

Importing this package is cheap; what is heavy is loaded when it is used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tiro.errors import TiroError
from tiro.speech.types import Drop, MediaInfo, Notice, Segment, Transcript, Word

if TYPE_CHECKING:
    from tiro.client import Client
    from tiro.offline import transcribe

    __version__: str

__all__ = [
    "Client",
    "Drop",
    "MediaInfo",
    "Notice",
    "Segment",
    "TiroError",
    "Transcript",
    "Word",
    "__version__",
    "transcribe",
]


# These libraries report to their makers unless the environment forbids it before they are loaded, ONNX
# Runtime from 1.29 on from a thread of its own. Every process of Tiro comes through here first.
for _name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_name, "1")


def __getattr__(name: str) -> Any:
    if name == "transcribe":
        from tiro.offline import transcribe

        return transcribe
    if name == "Client":
        from tiro.client import Client

        return Client
    if name == "__version__":
        # Reading the package's metadata takes longer than all else here, and each child imports this.
        from importlib.metadata import version

        return version("tiro")
    raise AttributeError(f"module 'tiro' has no attribute '{name}'")
