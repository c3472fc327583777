"""Bytes that come in at any pace, sent on in parts."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from tempfile import TemporaryFile

from tiro.storage.local import full_disk_translated

PART = 8 * 1024**2


class Parts:
    """Cuts what is written into parts. The one that is being filled lies in a file without a name rather than
    in memory, and one other is on its way: however many come in at once, in memory is only what ``threads``
    are sending. For one thread at a time.

    Args:
        threads: few, and shared by all.
        send: sends one part; what it raises, the next call here raises.
        part: bytes of a part.
        first: bytes of the first one.
    """

    def __init__(
        self,
        threads: Executor,
        send: Callable[[memoryview], None],
        part: int = PART,
        first: int | None = None,
    ) -> None:
        self._threads = threads
        self._send = send
        self._part, self._room = part, first or part
        self._space = max(part, self._room)
        self._slot = self._filled = 0
        self._sending: Future[None] | None = None
        self.written = 0
        with full_disk_translated():
            self._spool = TemporaryFile(buffering=0)  # noqa: SIM115 (closed in `close`)

    def write(self, data: bytes) -> None:
        """Raises StorageFull, or what sending an earlier part has raised."""
        rest = memoryview(data)
        while rest:
            piece, rest = rest[: self._room - self._filled], rest[self._room - self._filled :]
            self._keep(piece)
            if self._filled == self._room:
                self.settle()
                self._sending = self._begin(self._send)
                self._slot, self._filled, self._room = 1 - self._slot, 0, self._part

    def finish(self, send: Callable[[memoryview], None]) -> None:
        """Send what is left, which may be nothing, in another way, and wait until all has arrived."""
        self.settle()
        self._begin(send).result()
        self._filled = 0

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
        self._filled = 0

    def close(self) -> None:
        self._spool.close()

    def _keep(self, piece: memoryview) -> None:
        at = self._slot * self._space + self._filled
        self._filled += len(piece)
        self.written += len(piece)
        with full_disk_translated():
            while piece:
                count = os.pwrite(self._spool.fileno(), piece, at)
                piece, at = piece[count:], at + count

    def _begin(self, send: Callable[[memoryview], None]) -> Future[None]:
        start, count = self._slot * self._space, self._filled

        def work() -> None:
            send(memoryview(os.pread(self._spool.fileno(), count, start)))

        return self._threads.submit(work)
