"""Bytes that come in at any pace, sent on in parts."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from tempfile import TemporaryFile

from tiro.storage.local import full_disk_translated

PART = 8 * 1024**2
_PIECE = 1024**2


class Parts:
    """Cuts what is written into parts. They wait in a file without a name rather than in memory, and one at a
    time is on its way: however many come in at once, in memory is only what ``threads`` are sending.

    A part whose predecessor is still on its way makes the writer wait. Where parts may not be sent yet, all
    stay in the file, and go when the rest is written. For one thread at a time.

    Args:
        threads: few, and shared by all.
        send: sends one part; what it raises, the next call here raises.
        part: bytes of a part.
        first: bytes of the first one.
        may_send: asked for each part that is full, whether parts may go before all is written.
    """

    def __init__(
        self,
        threads: Executor,
        send: Callable[[Part], None],
        part: int = PART,
        first: int | None = None,
        *,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._threads = threads
        self._send = send
        self._may_send = may_send
        self._part, self._room = part, first or part
        self._space = max(part, self._room)
        self._waiting: deque[Part] = deque()
        self._free: list[int] = []
        self._slots = 0
        self._sending: Future[None] | None = None
        self.written = 0
        with full_disk_translated():
            self._spool = TemporaryFile(buffering=0)  # noqa: SIM115 (closed in `close`)
        self._filling = self._slot()

    def write(self, data: bytes) -> None:
        """Raises StorageFull, or what sending an earlier part has raised."""
        rest = memoryview(data)
        while rest:
            piece, rest = rest[: self._room - self._filling.size], rest[self._room - self._filling.size :]
            self._keep(piece)
            if self._filling.size == self._room:
                self._waiting.append(self._filling)
                if self._may_send():
                    self.settle()
                    self._sending = self._threads.submit(self._send_next)
                self._filling, self._room = self._slot(), self._part

    def finish(self, send: Callable[[Part], None]) -> None:
        """Send what is left, the last of it, which may be nothing, in another way, and wait until all has
        arrived."""
        self.settle()

        def work() -> None:
            while self._waiting:
                self._send_next()
            send(self._filling)

        self._threads.submit(work).result()
        self._filling = self._slot()

    def settle(self) -> None:
        """Wait for the part on its way; raises what it raised."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.result()

    def forget(self) -> None:
        """Wait for the part on its way, whatever comes of it, and begin anew."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.exception()
        self._waiting.clear()
        self._filling = self._slot()

    def close(self) -> None:
        self._spool.close()

    def _slot(self) -> Part:
        """Where a part that was sent has been, or at the file's end."""
        if self._free:
            return Part(self._spool.fileno(), self._free.pop())
        self._slots += 1
        return Part(self._spool.fileno(), (self._slots - 1) * self._space)

    def _keep(self, piece: memoryview) -> None:
        self.written += len(piece)
        with full_disk_translated():
            self._filling.add(piece)

    def _send_next(self) -> None:
        part = self._waiting.popleft()
        self._send(part)
        self._free.append(part.start)


@dataclass
class Part:
    """Bytes in a file of its uploader's: ``size`` of them from ``start``."""

    descriptor: int
    start: int
    size: int = 0

    def add(self, piece: memoryview) -> None:
        while piece:
            count = os.pwrite(self.descriptor, piece, self.start + self.size)
            piece, self.size = piece[count:], self.size + count

    def read(self) -> bytes:
        return os.pread(self.descriptor, self.size, self.start)

    def pieces(self) -> Iterator[bytes]:
        """All of it in small pieces; the last of them is one byte."""
        for at in range(0, self.size - 1, _PIECE):
            yield os.pread(self.descriptor, min(_PIECE, self.size - 1 - at), self.start + at)
        if self.size:
            yield os.pread(self.descriptor, 1, self.start + self.size - 1)
