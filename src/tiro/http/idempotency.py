"""`Idempotency-Key`: what a route is asked for twice is done once, and answered twice.

A route heeds it with ``dependencies=[<its scope>, ONCE]``. The scope comes first, for nothing is
replayed to whoever may not do the thing itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, FastAPI, Header, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiro.errors import IdempotencyMismatch, RequestUnderWay, TiroError, Unauthorized

NAME = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
REFUSALS: tuple[type[TiroError], ...] = (IdempotencyMismatch, RequestUnderWay)
"""What ``ONCE`` may answer with."""
_KEPT = frozenset({b"content-type", b"location", b"cache-control"})

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Yours to choose, such as a UUID. A second request with the same key does nothing more: "
        f"it is answered as the first one was, with `{REPLAYED}: true`.",
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; of the headers, those that belong to it."""

    status: int
    headers: dict[str, str]
    body: bytes


class Attempt(Protocol):
    """The turn to do what was asked for; one of the two is called, once."""

    async def end(self, answer: Answer | None) -> None:
        """Keep the answer; with None, let the next one try."""
        ...

    def abandon(self) -> None:
        """Nobody knows how it ended."""
        ...


class Attempts(Protocol):
    async def begin(self, user_id: str, token: str, request: bytes) -> Attempt | Answer:
        """Raises IdempotencyMismatch, RequestUnderWay."""
        ...


class Known(Protocol):
    """A caller, as much as is needed of them."""

    @property
    def user_id(self) -> str: ...

    @property
    def key_id(self) -> str | None: ...


class _Replay(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__("answered before")
        self.answer = answer


async def _once(request: Request, idempotency_key: IdempotencyKey = None) -> None:
    """Raises Unauthorized where nobody knows the caller; IdempotencyMismatch, RequestUnderWay."""
    if idempotency_key is None:
        return
    who: Known | None = getattr(request.state, "caller", None)
    if who is None:
        raise Unauthorized
    # The key that asks belongs to the request: with one that may do less it would be another.
    line = [request.method, request.url.path, request.url.query, who.key_id or ""]
    asked = "\0".join(line).encode() + b"\0" + await request.body()
    attempts = cast(Attempts, request.app.state.runtime.idempotency)
    found = await attempts.begin(who.user_id, idempotency_key, asked)
    if isinstance(found, Answer):
        raise _Replay(found)
    request.state.attempt = found


ONCE: Any = Depends(_once)


def install(app: FastAPI) -> None:
    app.add_exception_handler(_Replay, _replay)
    app.add_middleware(KeptAnswers)


async def _replay(_request: Request, replay: Exception) -> Response:
    assert isinstance(replay, _Replay)
    answer = replay.answer
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


class KeptAnswers:
    """Plain ASGI: keeps the answer to a request that ``ONCE`` began, before its client has it. What was
    refused, or failed, is not kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            if (attempt := _attempt(scope)) is None:
                await send(message)
                return
            held.append(message)
            if not message.get("more_body") and message["type"] == "http.response.body":
                answer = _answer(held)
                scope["state"]["attempt"] = None
                await attempt.end(answer if 200 <= answer.status < 300 else None)
                for one in held:
                    await send(one)

        try:
            await self._app(scope, receive, hold)
        except Exception:
            if (attempt := _attempt(scope)) is not None:
                await attempt.end(None)
            raise
        except asyncio.CancelledError:
            # A thread may still be at it, so the next one has to wait until the lease is over.
            if (attempt := _attempt(scope)) is not None:
                attempt.abandon()
            raise


def _attempt(scope: Scope) -> Attempt | None:
    found: Attempt | None = scope.get("state", {}).get("attempt")
    return found


def _answer(messages: list[Message]) -> Answer:
    start = messages[0]
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"] if name in _KEPT}
    return Answer(start["status"], headers, b"".join(one.get("body", b"") for one in messages[1:]))
