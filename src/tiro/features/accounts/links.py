"""Where the links of accounts lead."""

from __future__ import annotations

PATH = "/password"


def address(base: str, token: str) -> str:
    """The link. Browsers keep what stands behind `#` to themselves, so no log or proxy sees the token."""
    return f"{base.rstrip('/')}{PATH}#{token}"
