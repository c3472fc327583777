"""The HTTP server: uvicorn, told to let go of everybody who waits before it waits for them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from tiro.api.app import create_app
from tiro.api.protocol import Deadlines, GuardedProtocol
from tiro.bootstrap.server import Runtime

_GRACE_SECONDS = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """Serves one runtime, which stays the caller's to close."""

    def __init__(self, runtime: Runtime) -> None:
        http = runtime.settings.http
        deadlines = Deadlines(http.header_seconds, http.body_seconds, http.body_rate)
        super().__init__(
            uvicorn.Config(
                create_app(runtime),
                # uvicorn only ever calls it.
                http=cast(Any, partial(GuardedProtocol, deadlines=deadlines)),
                proxy_headers=False,  # uvicorn believes everybody on this machine; see BelievedProxies
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
            )
        )
        self._runtime = runtime

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but without dying of the signal at the end: there is more to close."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._runtime.begin_to_stop()
        await super().shutdown(sockets)
