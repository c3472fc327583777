"""Around every request: an id, one log line, and headers that keep browsers safe."""

from __future__ import annotations

import time
import uuid
from contextlib import AbstractContextManager

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiro.actors import Actor, ActorKind, acting
from tiro.errors import TiroError
from tiro.http.problems import render
from tiro.http.proxies import BELIEVED
from tiro.telemetry import metrics, origin, tracing

_log = structlog.get_logger("tiro.http")

_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "microphone=(self), display-capture=(self), screen-wake-lock=(self), camera=(), "
    "geolocation=(), payment=(), usb=()",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_PRIVATE = ("/api/", "/v1/")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_QUIET = {"/live", "/ready", "/metrics"}
_SECRET = "/api/v1/shared/"  # noqa: S105 (what stands behind it is one)


class RequestEnvelope:
    """Plain ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with acting(Actor(ActorKind.ANONYMOUS, address=_address(scope))):
                await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = origin.well_formed(headers.get("x-request-id")) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        with metrics.HTTP_OPEN.held(), _span(scope, headers) as span:
            if tracing.on():
                structlog.contextvars.bind_contextvars(trace_id=tracing.trace_id())
            await self._answer(scope, receive, send, request_id, span)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, span: tracing.Span
    ) -> None:
        started = time.perf_counter()
        status = 0
        streamed = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, streamed
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                streamed = headers.get("content-type", "").startswith("text/event-stream")
                headers["X-Request-Id"] = request_id
                for name, value in _SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(_PRIVATE):
                    # A cache between does not know that a cookie makes an answer somebody's own.
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        # Until the caller has shown who they are.
        nobody = Actor(ActorKind.ANONYMOUS, address=_address(scope), request_id=request_id)
        try:
            with acting(nobody):
                await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 (the edge of a request: what nobody foresaw becomes an answer)
            if not (status and _nobody_listens(error)):
                _log.error("request.crashed", exc_info=error)
            if not status:
                await render(Request(scope), TiroError())(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = _route(scope)
            span.rename(f"{scope['method']} {route}")
            span.set(route=route, status=status)
            if status >= 500:
                span.fail(str(status))
            if scope["path"] not in _QUIET:
                if not streamed:
                    metrics.HTTP_SECONDS.observe(seconds, _method(scope), route, f"{status // 100}xx")
                _log.info(
                    "http.request",
                    method=scope["method"],
                    path=shown_path(scope),
                    status=status,
                    ms=round(seconds * 1000, 1),
                )


def _span(scope: Scope, headers: Headers) -> AbstractContextManager[tracing.Span]:
    """The request's span: within the caller's trace where a believed proxy sent it. Anybody else's trace is
    only linked, for who begins a trace decides whether it is kept, and what it is found under."""
    if not tracing.on() or scope["path"] in _QUIET:
        return tracing.nothing()
    caller = tracing.known(headers.get("traceparent"))
    believed = scope["state"].get(BELIEVED, False)
    method = _method(scope)
    return tracing.span(
        method,
        kind=tracing.SpanKind.SERVER,
        parent=caller if believed else None,
        links=() if caller is None or believed else (caller,),
        method=method,
        request_id=scope["state"]["request_id"],
    )


def _method(scope: Scope) -> str:
    """The method, if it is one that there is: anybody may invent others."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    """The template of the path, which holds nobody's ids."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else "other"


def _nobody_listens(error: BaseException) -> bool:
    """Whether all that went wrong is that the client left while it was sent events, as every closed tab does:
    FastAPI's writer finds its stream gone."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_nobody_listens, error.exceptions))
    return isinstance(error, anyio.BrokenResourceError)


def _address(scope: Scope) -> str | None:
    """Where the request came from; None where it came through a socket of this machine."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else None


def shown_path(scope: Scope) -> str:
    """The path for the log: without what opens something to whoever reads it there."""
    path: str = scope["path"]
    if path.startswith(_SECRET):
        return f"{_SECRET}***"
    # As it came, in ASCII: decoded it could steer the terminal that shows the log.
    return bytes(scope["raw_path"]).decode("ascii", "replace")
