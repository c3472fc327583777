"""Bodies that are read whole: small, and not nested beyond reason."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiro.errors import BodyTooLarge, InvalidRequest, TiroError
from tiro.http.problems import render

LARGEST = 1_000_000
_DEEPEST = 50
# A string as a whole, closed or not, so that what is in it counts for nothing; else one bracket. Possessive,
# so that no body can make it look twice at the same byte.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


class SmallBodies:
    """Plain ASGI: reads each body before the application does, which gets it in one piece.

    Args:
        streamed: whether the endpoint at a path reads its body itself, piece by piece, and bounds it.
    """

    def __init__(self, app: ASGIApp, streamed: Callable[[str], bool]) -> None:
        self._app = app
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._streamed(scope["path"]) or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(Request(scope, receive))
        except ClientDisconnect:
            return
        except TiroError as error:
            await render(Request(scope), error)(scope, receive, send)
            return
        given = False

        async def receive_whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_whole, send)


def _has_body(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names or b"transfer-encoding" in names


async def _read(request: Request) -> bytes:
    """Raises BodyTooLarge, InvalidRequest."""
    if int(request.headers.get("content-length") or 0) > LARGEST:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _too_large()
    if _too_deep(body):
        raise InvalidRequest(f"The body is nested more than {_DEEPEST} deep.")
    return bytes(body)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"The body has more than the {LARGEST:,} bytes that this address takes.")


def _too_deep(body: bytearray) -> bool:
    if body.count(b"[") + body.count(b"{") <= _DEEPEST:
        return False
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        depth += first in b"[{"
        depth -= first in b"]}"
        if depth > _DEEPEST:
            return True
    return False
