"""Bytes that lie elsewhere, as files: read where they are, or fetched to this machine."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from tiro.errors import Cancelled
from tiro.storage.local import full_disk_translated

FIRST = 256 * 1024
_LARGEST = 4 * 1024**2
_PIECE = 4 * 1024**2
_HEAD, _TAIL = 8 * 1024**2, 4 * 1024**2
_LOOK_SECONDS = 0.2

GetRange = Callable[[int, int], bytes]
"""Gives the bytes from the first number up to the second, which are inside; raises TiroError."""


class RemoteFile(io.RawIOBase):
    """A file that is fetched as it is read. Whoever reads on and on gets ever larger pieces, and the next one
    is on its way meanwhile; a jump begins with a small one. For one thread at a time.

    Args:
        size: of the file in bytes.
        first: bytes of its beginning that are here already.
    """

    def __init__(self, get: GetRange, size: int, ahead: Executor, first: bytes = b"") -> None:
        self._get = get
        self.size = size
        self._ahead = ahead
        self._at = 0
        self._start, self._held = 0, first
        self._step = FIRST
        self._next: tuple[int, Future[bytes]] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        if self._at >= self.size or not target:
            return 0
        if not self._start <= self._at < self._start + len(self._held):
            self._fetch()
        offset = self._at - self._start
        data = memoryview(self._held)[offset : offset + len(target)]
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._next, self._held = None, b""
        super().close()

    def _fetch(self) -> None:
        follows = self._at == self._start + len(self._held)
        self._step = min(2 * self._step, _LARGEST) if follows else FIRST
        coming, self._next = self._next, None
        if coming is not None and coming[0] == self._at:
            self._held = coming[1].result()
        else:
            self._held = self._get(self._at, min(self._at + self._step, self.size))
        self._start = self._at
        after = self._start + len(self._held)
        # A player may stop after its first piece; one that comes back for a second will want a third.
        if follows and after < self.size:
            until = min(after + self._step, self.size)
            self._next = (after, self._ahead.submit(self._get, after, until))


def remote_file(get: GetRange, size: int, ahead: Executor, first: bytes = b"") -> BinaryIO:
    return cast(BinaryIO, RemoteFile(get, size, ahead, first))


def fetched(get: GetRange, size: int, threads: Executor, stop: threading.Event | None = None) -> BinaryIO:
    """All bytes in a file of this machine that has no name, several pieces at once; the caller closes it.

    Raises:
        StorageFull: this machine's disk is.
        Cancelled: ``stop`` was set.
    """
    file = _nameless()
    try:
        _fill(
            file.fileno(), get, [(at, min(at + _PIECE, size)) for at in range(0, size, _PIECE)], threads, stop
        )
    except BaseException:
        file.close()
        raise
    return file


def views(get: GetRange, size: int, threads: Executor) -> Generator[BinaryIO]:
    """See ``Arrival.views``: of a large file first its head and its tail, where containers say what is in
    them."""
    if size > 2 * (_HEAD + _TAIL):
        with _nameless() as sparse:
            sparse.truncate(size)
            _fill(sparse.fileno(), get, [(0, _HEAD), (size - _TAIL, size)], threads, None)
            yield sparse
    with fetched(get, size, threads) as whole:
        yield whole


def _nameless() -> BinaryIO:
    with full_disk_translated():
        return cast(BinaryIO, TemporaryFile(buffering=0))


def _fill(
    descriptor: int,
    get: GetRange,
    ranges: list[tuple[int, int]],
    threads: Executor,
    stop: threading.Event | None,
) -> None:
    """Write these ranges of bytes to where they belong. None is written to any more when this is over."""
    given_up = threading.Event()

    def copy(start: int, until: int) -> None:
        if given_up.is_set():
            return
        data = memoryview(get(start, until))
        with full_disk_translated():
            while data:
                count = os.pwrite(descriptor, data, start)
                data, start = data[count:], start + count

    waiting = {threads.submit(copy, start, until) for start, until in ranges}
    try:
        while waiting:
            done, waiting = wait(waiting, _LOOK_SECONDS if stop else None, FIRST_EXCEPTION)
            for one in done:
                one.result()
            if stop is not None and stop.is_set():
                raise Cancelled
    finally:
        given_up.set()
        for one in waiting:
            one.cancel()
        wait(waiting)
