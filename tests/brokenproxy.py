"""A proxy that breaks connections, so that a client's resuming is put to the test."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 64 * 1024


class BrokenProxy:
    """Forwards TCP to a server, which may be another after a while. After each of ``breaks`` bytes from the
    clients, counted over all connections, the connection that carries them is reset on both sides.

    Attributes:
        resets: how many connections were reset.
    """

    def __init__(self, target: str, breaks: list[int]) -> None:
        self.target = target
        self.resets = 0
        self._breaks = sorted(breaks)
        self._passed = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)

    def _start(self, action: object, *values: object) -> None:
        thread = threading.Thread(target=action, args=values, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            host, _, port = self.target.rpartition("/")[2].partition(":")
            try:
                server = socket.create_connection((host, int(port)))
            except OSError:
                reset(client)
                continue
            self._start(self._forward, client, server)
            self._start(self._back, server, client)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                allowed = self._until_break(len(data))
                server.sendall(data[:allowed])
                if allowed < len(data):
                    self.resets += 1
                    reset(server)
                    reset(client)
                    return
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                client.sendall(data)
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _until_break(self, count: int) -> int:
        with self._lock:
            if self._breaks and self._passed + count > self._breaks[0]:
                allowed = max(0, self._breaks.pop(0) - self._passed)
            else:
                allowed = count
            self._passed += allowed
            return allowed


def reset(connection: socket.socket) -> None:
    """End a connection with RST rather than FIN, as a broken line does."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Another thread waits in recv; without this the socket stays open for as long as it does.
        connection.shutdown(socket.SHUT_RD)
    connection.close()


@contextmanager
def broken_proxy(target: str, breaks: list[int]) -> Iterator[BrokenProxy]:
    proxy = BrokenProxy(target, breaks)
    try:
        yield proxy
    finally:
        proxy.close()
