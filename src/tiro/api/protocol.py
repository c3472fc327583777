"""HTTP on one connection, for senders that mean harm: requests have a time to arrive in, and headers a size.

uvicorn waits for ever for the end of headers and for the next byte of a body, and keeps headers of any size.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from starlette.requests import Request
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tiro.errors import HeadersTooLarge, RequestTooSlow, TiroError
from tiro.http.problems import render

_MAX_HEAD_BYTES = 64 * 1024
_MAX_FIELDS = 100
_MAX_WAITING = 100
"""Requests that are sent before the first of them is answered."""
_LINGER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for the headers of a request; and bytes a second, below which no body may stay for ``body``
    seconds."""

    headers: float
    body: float
    body_rate: float


class _Part(Enum):
    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with deadlines and bounds."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        deadlines: Deadlines,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadlines = deadlines
        self._part = _Part.BETWEEN
        self._over = False
        """Refused, or handed over to a WebSocket: what comes now is none of ours."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._head_pieces = 0
        self._fields = 0
        self._body_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0
        self._held_back = False
        self._was_slow = False

    # --- the connection -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        before = self._part
        super().data_received(data)
        if self._ended:
            return
        if self._part is _Part.HEAD:
            # The parser tells nothing of a line that has no end yet, so what went in is counted too.
            self._head_pieces = self._head_pieces + len(data) if before is _Part.HEAD else 0
            if self._head_pieces > _MAX_HEAD_BYTES:
                self._refuse(HeadersTooLarge())
            elif self._head_timer is None:
                self._watch_head()
        elif self._part is _Part.BODY and self._body_timer is None:
            self._watch_body()
        elif self._part is _Part.BETWEEN and self._head_timer is None and not self._unanswered:
            self._watch_head()  # uvicorn has just ended its own watch over an idle connection

    def handle_websocket_upgrade(self) -> None:
        self._over = True
        self._stop_watching()
        super().handle_websocket_upgrade()

    # --- what the parser found ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._part = _Part.HEAD
        self._head_bytes = self._head_pieces = self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        self._fields += 1
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._over:
            return
        self._unwatch_head()
        if self._head_bytes > _MAX_HEAD_BYTES or self._fields > _MAX_FIELDS:
            self._refuse(HeadersTooLarge())
            return
        self._part = _Part.BODY
        self._body_bytes = 0
        super().on_headers_complete()
        if len(self.pipeline) > _MAX_WAITING:
            self._over = True
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        if self._over:
            return
        self._body_bytes += len(body)
        if self.cycle.body or self.cycle.response_complete:
            if isinstance(self.cycle.body, bytes):
                self.cycle.body = bytearray(self.cycle.body)
            super().on_body(body)
        else:
            # uvicorn would copy it twice on its way to the endpoint, which costs more than to receive it.
            self.cycle.body = cast(bytearray, body)
            if len(body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            self.cycle.message_event.set()
        self._held_back = self._held_back or self.flow.read_paused

    def on_message_complete(self) -> None:
        if self._over:
            return
        self._part = _Part.BETWEEN
        self._unwatch_body()
        super().on_message_complete()

    # --- deadlines ----------------------------------------------------------------------------------

    @property
    def _ended(self) -> bool:
        return self._over or self.transport.is_closing()

    @property
    def _unanswered(self) -> RequestResponseCycle | None:
        """The request that waits for the rest of its answer. uvicorn has none yet at the beginning."""
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return None if cycle is None or cycle.response_complete else cycle

    def _watch_head(self) -> None:
        self._head_timer = self.loop.call_later(self._deadlines.headers, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._unanswered:  # the request before has a right to its answer
            self._watch_head()
        elif self._part is _Part.HEAD:
            self._refuse(RequestTooSlow("The headers of the request did not arrive in time."))
        else:
            self.transport.close()

    def _watch_body(self) -> None:
        # Slow is who is slow twice in a row: were this process itself held up, the next turn makes up for it.
        self._body_timer = self.loop.call_later(self._deadlines.body / 2, self._look_at_body)

    def _look_at_body(self) -> None:
        self._body_timer = None
        if self.transport.is_closing() or self._part is not _Part.BODY:
            return
        ours = self._held_back or self.flow.read_paused or self.cycle.waiting_for_100_continue
        wanted = self._deadlines.body_rate * self._deadlines.body / 2
        slow = not ours and self._body_bytes < wanted
        if slow and self._was_slow:
            self._refuse(RequestTooSlow(f"The body came with less than {wanted:.0f} bytes in its time."))
            return
        self._was_slow, self._body_bytes, self._held_back = slow, 0, self.flow.read_paused
        self._watch_body()

    def _unwatch_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _unwatch_body(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        self._was_slow = self._held_back = False

    def _stop_watching(self) -> None:
        self._unwatch_head()
        self._unwatch_body()

    def _refuse(self, error: TiroError) -> None:
        """Say why, and be done with the connection. An endpoint that waits for more sees its client gone."""
        self._over = True
        self._stop_watching()
        cycle = self._unanswered
        # Of a request whose body still comes the answer may have been given already; of headers, that of the
        # request before may not.
        begun = cycle is None or cycle.response_started
        if cycle is None if self._part is _Part.HEAD else not begun:
            self.transport.write(self._answer(error))
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        # Closing at once would reset the connection where bytes are still on their way in, and the answer
        # would be lost with it.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _answer(self, error: TiroError) -> bytes:
        path = self.url.partition(b"?")[0].decode("ascii", "replace")
        response = render(Request({"type": "http", "path": path, "headers": []}), error)
        lines = [STATUS_LINE[response.status_code].removesuffix(b"\r\n"), b"connection: close"]
        lines += [name + b": " + value for name, value in response.raw_headers]
        return b"\r\n".join([*lines, b"", bytes(response.body)])
