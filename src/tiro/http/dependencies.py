"""What endpoints ask for: who calls.

A dependency that only looks something up in memory is ``async``: FastAPI sends each of the others to a worker
thread, and under load each way there and back waits for its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from tiro.errors import Unauthorized
from tiro.http import cookies

_bearer = HTTPBearer(auto_error=False, description="An API key; `tiro keys create` makes one.")
_cookie = APIKeyCookie(
    name=cookies.ACCESS,
    scheme_name="Cookie",
    auto_error=False,
    description="A browser's login; over https its name begins with `__Host-`. What changes something must "
    "send the header `X-CSRF-Token` too.",
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What a caller sent to say who they are. A browser sends a cookie of its own accord, so one alone
    shows no intention."""

    text: str
    from_cookie: bool


def secret_of(connection: HTTPConnection) -> Secret:
    """The secret that came with a request or a socket; a bearer wins over a cookie.

    Raises:
        Unauthorized: none was sent.
    """
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return Secret(text.strip(), from_cookie=False)
    if cookie := cookies.read(connection, cookies.ACCESS):
        return Secret(cookie, from_cookie=True)
    raise Unauthorized


async def sent_secret(
    request: Request,
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    _session: Annotated[str | None, Security(_cookie)],
) -> Secret:
    """As ``secret_of``; the OpenAPI document learns of both ways."""
    return secret_of(request)
