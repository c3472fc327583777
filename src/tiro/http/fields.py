"""Fields of requests that take what the OpenAPI document says, and nothing that merely looks like it.

Left alone, pydantic reads `false` as 0, `"yes"` as true, and 0.5 as a moment in 1970.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Strict

Flag = Annotated[bool, Strict()]
"""In a JSON body."""


def _number(value: Any) -> Any:
    """Raises ValueError where JSON calls it something else."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("a number is needed")
    return value


AS_NUMBER = BeforeValidator(_number)
"""Behind the bounds of a number in a JSON body: `Annotated[int, Field(ge=0), AS_NUMBER]`."""


FORM_FLAG: Final[dict[str, Any]] = {
    "type": ["boolean", "string"],
    "pattern": r"^\s*([Tt]rue|[Ff]alse|1|0)?\s*$",
}
"""A truth value in a form, as the OpenAPI document has it: clients write `True` there too, and an empty field
is as good as none."""


def form_flag(text: str) -> bool | None:
    """What a form says; None where it is no truth value."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text[:1].lower() + text[1:])


def or_blank(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a form's field of which an empty one is as good as none."""
    about = {"default", "description"} & schema.keys()
    said = {name: value for name, value in schema.items() if name not in about}
    blank = {"type": "string", "pattern": r"^\s*$"}
    return {"anyOf": [said, blank], **{name: schema[name] for name in sorted(about)}}


def _written(value: Any) -> Any:
    """Raises ValueError where it is no text with a date in it."""
    if value is not None and not (isinstance(value, str) and "-" in value):
        raise ValueError("a date and a time with a zone, such as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""As RFC 3339 has it, in a body or a query."""
