"""What stands behind the `?` of an address: parameters that a route does not know are refused, for a filter
that is misspelt would otherwise give the whole list."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from tiro.errors import UnknownParameter

_PREFIX = "/api/"
_COMPLETED_BY_OTHERS = {"/api/v1/auth/oidc/callback"}
_SHOWN = 100


def is_strict(path: str) -> bool:
    """Whether an address refuses what it does not know, by its template. OpenAI's own server ignores that,
    and clients count on it; and identity providers send what they like."""
    return path.startswith(_PREFIX) and path not in _COMPLETED_BY_OTHERS


async def refuse_unknown(connection: HTTPConnection) -> None:
    """For the whole application. Raises UnknownParameter."""
    route = connection.scope.get("route")
    if not connection.query_params or not isinstance(route, APIRoute) or not is_strict(route.path):
        return
    known = sorted(set(_names(route.dependant)))
    for name in connection.query_params:
        if name not in known:
            raise _unknown(name, known)


def _names(dependant: Dependant) -> Iterator[str]:
    """Of the endpoint and of all that it depends on."""
    for field in dependant.query_params:
        said = field.field_info.annotation
        if isinstance(said, type) and issubclass(said, BaseModel):
            yield from (one.alias or name for name, one in said.model_fields.items())
        else:
            yield field.alias
    for other in dependant.dependencies:
        yield from _names(other)


def _unknown(name: str, known: list[str]) -> UnknownParameter:
    shown = name[:_SHOWN]
    near = get_close_matches(shown.lower(), known, n=1)
    if near:
        advice = f"Did you mean '{near[0]}'?"
    elif known:
        advice = f"It takes {', '.join(known)}."
    else:
        advice = "It takes none."
    error = UnknownParameter(f"This address knows no parameter '{shown}'. {advice}")
    error.param = shown
    error.more = {"parameter": shown, "nearest": near[0] if near else None, "known": known}
    return error
