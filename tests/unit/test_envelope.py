"""Around every request: what is a crash, and what is only a client that has left."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import CapturingLogger

from tiro.http.middleware import RequestEnvelope

SCOPE = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "headers": [], "client": None}
LEFT = ExceptionGroup("", [anyio.BrokenResourceError()])


@pytest.mark.parametrize(
    ("error", "begun", "crashes"),
    [
        (LEFT, True, 0),
        (LEFT, False, 1),
        (ExceptionGroup("", [anyio.BrokenResourceError(), KeyError()]), True, 1),
        (KeyError(), True, 1),
    ],
)
def test_a_closed_tab_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, error: Exception, begun: bool, crashes: int
) -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    log = CapturingLogger()  # the real one keeps its output once it has been used
    monkeypatch.setattr("tiro.http.middleware._log", log)
    asyncio.run(RequestEnvelope(app)(dict(SCOPE), receive, send))
    assert sum(call.args == ("request.crashed",) for call in log.calls) == crashes
    assert sent[0]["status"] == (200 if begun else 500)
