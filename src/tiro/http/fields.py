"""Fields of requests that take what the OpenAPI document says, and nothing that merely looks like it.

Left alone, pydantic reads `false` as 0, `"yes"` as true, and 0.5 as a moment in 1970.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Strict

Flag = Annotated[bool, Strict()]
"""In a JSON body."""

Whole = Annotated[int, Strict()]
"""In a JSON body."""

Number = Annotated[float, Strict()]
"""In a JSON body; a whole number is one too."""


def _written(value: Any) -> Any:
    """Raises ValueError where it is no text with a date in it."""
    if value is not None and not (isinstance(value, str) and "-" in value):
        raise ValueError("a date and a time with a zone, such as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""As RFC 3339 has it, in a body or a query."""
