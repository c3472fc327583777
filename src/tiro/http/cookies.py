"""The cookies of a browser's login."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

ACCESS, REFRESH, CSRF = "tiro-access", "tiro-refresh", "tiro-csrf"


def read(connection: HTTPConnection, name: str) -> str | None:
    return connection.cookies.get(_full(connection, name))


def put(
    response: Response,
    connection: HTTPConnection,
    name: str,
    value: str,
    *,
    seconds: int,
    for_scripts: bool = False,
) -> None:
    """Args:
    seconds: how long the browser keeps it.
    for_scripts: whether the page's own scripts may read it.
    """
    response.set_cookie(
        _full(connection, name),
        value,
        max_age=seconds,
        path="/",
        secure=_secure(connection),
        httponly=not for_scripts,
        samesite="lax",
    )


def drop(response: Response, connection: HTTPConnection, *names: str) -> None:
    for name in names:
        put(response, connection, name, "", seconds=0)


def _secure(connection: HTTPConnection) -> bool:
    return connection.url.scheme in {"https", "wss"}


def _full(connection: HTTPConnection, name: str) -> str:
    """A browser takes `__Host-` only over TLS and from the host itself: no neighbour under the same domain,
    and nobody on the wire, can put one of theirs in its place."""
    return f"__Host-{name}" if _secure(connection) else name
