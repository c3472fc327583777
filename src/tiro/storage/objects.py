"""Recordings in a bucket: each is one object, sent in parts while it comes in."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from urllib.parse import quote

import structlog

from tiro.errors import StorageUnavailable, TiroError, UploadInterrupted
from tiro.storage import reading
from tiro.storage.base import Kept
from tiro.storage.bucket import Bucket
from tiro.storage.local import full_disk_translated

_log = structlog.get_logger(__name__)
_MONTH = timedelta(days=30)
_PART = 8 * 1024**2
_MOST_PARTS = 9_000
_MEDIA, _ASIDE = "media", "orphaned"


class ObjectStorage:
    """Objects under ``media/``. An object is complete or not there: a store shows a multipart upload only once
    it is completed, and then keeps it for good."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @contextmanager
    def create(self, key: str, size: int | None = None) -> Iterator[ObjectUpload]:
        upload = ObjectUpload(self._bucket, media_path(key), size)
        try:
            yield upload
        finally:
            upload.close()

    def open(self, key: str) -> BinaryIO:
        path = media_path(key)
        first, size = self._bucket.head(path, reading.FIRST)
        return reading.remote_file(self._getter(path), size, self._bucket.readers, first)

    def fetch(self, key: str, stop: threading.Event | None = None) -> BinaryIO:
        path = media_path(key)
        _, size = self._bucket.head(path, 1)
        return reading.fetched(self._getter(path), size, self._bucket.readers, stop)

    def address(self, key: str, seconds: int, media_type: str, filename: str) -> str | None:
        if self._bucket.signer is None:
            return None
        # A browser that comes here shows nothing of it as a page; a player does not mind.
        named = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        wanted = {"response-content-type": media_type, "response-content-disposition": named}
        return self._bucket.signer.address(media_path(key), seconds, **wanted)

    def delete(self, key: str) -> None:
        self._bucket.delete([media_path(key)])

    def inventory(self) -> Iterator[str]:
        yield from (found.key for found in self.kept())

    def kept(self) -> Iterator[Kept]:
        for found in self._bucket.list(_MEDIA):
            yield Kept(found.key.rpartition("/")[2], found.size, found.at)

    @property
    def aside(self) -> str:
        return f"{self._bucket.url}/{_ASIDE}"

    def set_aside(self, key: str) -> None:
        long_ago = datetime.now(UTC) - _MONTH
        self._bucket.delete(found.key for found in self._bucket.list(_ASIDE) if found.at < long_ago)
        self._bucket.copy(media_path(key), f"{_ASIDE}/{key}")
        self.delete(key)

    def sweep_unfinished(self, age: timedelta) -> int:
        signer, removed = self._bucket.signer, 0
        if signer is None:
            return 0
        for upload in list(signer.unfinished()):
            if upload.since < datetime.now(UTC) - age:
                signer.abort(upload)
                removed += 1
        return removed

    def check(self) -> int | None:
        self._bucket.check()
        return None

    def _getter(self, path: str) -> reading.GetRange:
        return lambda start, stop: self._bucket.get(path, start, stop)


class ObjectUpload:
    """One object on its way in.

    The part that is being filled lies in a file without a name, rather than in memory; one other is on its way.
    The senders' threads are few, so that however many uploads come in, few parts are in memory.

    Args:
        size: what the sender announced, if anything.
    """

    def __init__(self, bucket: Bucket, path: str, size: int | None = None) -> None:
        self._bucket = bucket
        self._path = path
        self._part = max(_PART, -(-(size or 0) // _MOST_PARTS))
        with full_disk_translated():
            self._spool = TemporaryFile(buffering=0)  # noqa: SIM115 (closed in `close`)
        self._slot = self._filled = self._size = self._parts = 0
        self._writer: Any = None
        self._sending: Future[None] | None = None
        self._complete = False
        # `close` may come while a thread still commits for a request that was given up.
        self._settling = threading.Lock()
        self._working = threading.Lock()
        self._committed = self._abandoned = False

    def write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            # The first part is a byte longer: see `_send`.
            room = self._part + (self._parts == 0) - self._filled
            piece, rest = rest[:room], rest[room:]
            self._keep(piece)
            if len(piece) == room:
                self._settle()
                self._sending = self._bucket.senders.submit(self._send, self._slot, self._filled)
                self._slot, self._filled = 1 - self._slot, 0
                self._parts += 1

    def views(self) -> Iterator[BinaryIO]:
        """As the store has them: the object is complete before anybody looks into it."""
        self._finish()
        yield from reading.views(
            lambda start, stop: self._bucket.get(self._path, start, stop), self._size, self._bucket.readers
        )

    def commit(self) -> None:
        self._finish()
        with self._settling:
            if self._abandoned:
                raise UploadInterrupted
            self._committed = True

    def undo(self) -> None:
        self._bucket.delete([self._path])

    def close(self) -> None:
        """Nothing is left of what was not committed; that is seen to in another thread, for the caller's may
        serve others."""
        with self._settling:
            if self._abandoned or self._committed:
                self._spool.close()
                return
            self._abandoned = True
        self._bucket.tidiers.submit(self._take_back)

    def _keep(self, piece: memoryview) -> None:
        at = self._slot * (self._part + 1) + self._filled
        with full_disk_translated():
            while piece:
                count = os.pwrite(self._spool.fileno(), piece, at)
                piece, at = piece[count:], at + count
                self._filled += count
                self._size += count

    def _settle(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.result()

    def _send(self, slot: int, count: int) -> None:
        """Send a part that is full. obstore says that a part has arrived only to whoever has more: so a byte
        always stays behind, and when it is taken the part is there, and its memory free."""
        data = memoryview(os.pread(self._spool.fileno(), count, slot * (self._part + 1)))
        with self._bucket.translated("write"):
            if self._writer is None:
                self._writer = self._bucket.writer(self._path, self._part)
            self._writer.write(data[:-1])
            self._writer.write(data[-1:])

    def _send_last(self, slot: int, count: int) -> None:
        data = os.pread(self._spool.fileno(), count, slot * (self._part + 1))
        with self._bucket.translated("write"):
            if self._writer is None:
                self._writer = self._bucket.writer(self._path, self._part)
            if data:
                self._writer.write(data)
            self._writer.close()

    def _finish(self) -> None:
        """Make the object complete, and see that it has all that was written; once."""
        with self._working:
            if self._complete:
                return
            self._settle()
            self._bucket.senders.submit(self._send_last, self._slot, self._filled).result()
            self._complete = True
            found = self._bucket.size(self._path)
            if found != self._size:
                raise StorageUnavailable(f"The store kept {found} of {self._size} bytes.", retry_after=5)

    def _take_back(self) -> None:
        with self._working:
            try:
                with self._bucket.translated("delete"):
                    if self._sending is not None:
                        self._sending.exception()
                    if self._complete:
                        self.undo()
                    elif self._writer is not None and not self._writer.closed():
                        given_up = UploadInterrupted()
                        self._writer.__exit__(UploadInterrupted, given_up, None)
            except TiroError as error:
                # The clean-up of unfinished uploads, or the bucket's own, will find it.
                _log.warning("storage.not_taken_back", path=self._path, code=error.code)
            finally:
                self._spool.close()


def media_path(key: str) -> str:
    return f"{_MEDIA}/{key}"


