"""The HTTP server: uvicorn, told to let go of everybody who waits before it waits for them."""

from __future__ import annotations

import socket

import uvicorn

from tiro.api.app import create_app
from tiro.bootstrap.server import Runtime

_GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """Serves one runtime, which stays the caller's to close."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(runtime),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
            )
        )
        self._runtime = runtime

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._runtime.begin_to_stop()
        await super().shutdown(sockets)
