"""What stands behind the `?` of an address: parameters that a route does not know are refused, for a filter
that is misspelt would otherwise give the whole list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from tiro.errors import UnknownParameter
from tiro.http.problems import render

_PREFIX = "/api/"
_COMPLETED_BY_OTHERS = {"/api/v1/auth/oidc/callback"}
_SHOWN = 100


def is_strict(path: str) -> bool:
    """Whether an address refuses what it does not know, by its template. OpenAI's own server ignores that,
    and clients count on it; and identity providers send what they like."""
    return path.startswith(_PREFIX) and path not in _COMPLETED_BY_OTHERS


class KnownParameters:
    """Plain ASGI: answers in the place of a route that is asked with a parameter which it does not know.

    Args:
        routes: gives all of the application's.
    """

    def __init__(self, app: ASGIApp, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["query_string"] or (error := self._look(scope)) is None:
            await self._app(scope, receive, send)
            return
        await render(Request(scope), error)(scope, receive, send)

    def _look(self, scope: Scope) -> UnknownParameter | None:
        route = next((each for each in self._routes() if each.matches(scope)[0] is Match.FULL), None)
        if not isinstance(route, APIRoute) or not is_strict(route.path):
            return None
        known = sorted(set(_names(route.dependant)))
        unknown = (name for name in Request(scope).query_params if name not in known)
        return next((_unknown(name, known) for name in unknown), None)


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
