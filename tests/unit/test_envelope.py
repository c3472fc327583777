"""Around every request: what is a crash, and what is only a client that has left."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import CapturingLogger
from tests.collector import collector
from tests.serving import wait_until

from tiro.http.middleware import RequestEnvelope
from tiro.http.proxies import BelievedProxies
from tiro.telemetry import metrics, otlp, tracing

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


CALLER = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body"})


async def _receive() -> Message:
    return {"type": "http.disconnect"}


async def _send(message: Message) -> None: ...


@pytest.mark.parametrize("believed", [True, False])
def test_only_a_believed_proxy_puts_requests_into_its_trace(believed: bool) -> None:
    """For anybody else a trace of our own begins, which says from where it was asked for."""
    app = BelievedProxies(RequestEnvelope(_nothing), [ip_network("10.0.0.0/8")] if believed else [])
    scope = {**SCOPE, "client": ("10.0.0.7", 1), "headers": [(b"traceparent", CALLER.encode())]}
    with collector() as spans:
        tracer = otlp.OtlpTracer(spans.address, version="1", role="test", seconds=0.05)
        tracing.install(tracer)
        try:
            asyncio.run(app(scope, _receive, _send))
        finally:
            tracing.install(None)
            tracer.close()
        wait_until(lambda: spans.spans, what="the span")
    [span] = spans.spans
    trace, caller = CALLER.split("-")[1:3]
    assert (span.trace == trace, span.parent == caller) == (believed, believed)
    assert span.links == (() if believed else (caller,))
    assert span.name == "GET other"


def test_what_strangers_invent_is_no_label() -> None:
    scope = {**SCOPE, "method": "BREW", "path": "/ids/of/mine", "raw_path": b"/ids/of/mine"}
    asyncio.run(RequestEnvelope(_nothing)(scope, _receive, _send))
    seen = metrics.HTTP_SECONDS.reading().values
    assert ("other", "other", "4xx") in seen
    assert not any("BREW" in labels or "/ids/of/mine" in labels for labels in seen)
