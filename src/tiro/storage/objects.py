"""Recordings in a bucket: each is one object, sent in parts while it comes in."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import quote

import structlog

from tiro.errors import StorageUnavailable, TiroError, UploadInterrupted
from tiro.storage import reading
from tiro.storage.base import Kept
from tiro.storage.bucket import Bucket
from tiro.storage.sending import PART, Part, Parts

_log = structlog.get_logger(__name__)
_MONTH = timedelta(days=30)
_MOST_PARTS = 9_000
_MEDIA, _ASIDE = "media", "orphaned"


class ObjectStorage:
    """Objects under ``media/``. An object is complete or not there: a store shows a multipart upload only
    once it is completed, and then keeps it for good."""

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
        for found in self._bucket.below(_MEDIA):
            yield Kept(found.key.rpartition("/")[2], found.size, found.at)

    @property
    def aside(self) -> str:
        return f"{self._bucket.url}/{_ASIDE}"

    def set_aside(self, key: str) -> None:
        long_ago = datetime.now(UTC) - _MONTH
        self._bucket.delete(found.key for found in self._bucket.below(_ASIDE) if found.at < long_ago)
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

    def close(self) -> None:
        self._bucket.close()

    def _getter(self, path: str) -> reading.GetRange:
        return lambda start, stop: self._bucket.get(path, start, stop)


class ObjectUpload:
    """One object on its way in.

    Args:
        size: what the sender announced, if anything.
    """

    def __init__(self, bucket: Bucket, path: str, size: int | None = None) -> None:
        self._bucket = bucket
        self._path = path
        self._part = max(PART, -(-(size or 0) // _MOST_PARTS))
        # The first part is a byte longer: see `_send`.
        self._parts = Parts(bucket.senders, self._send, self._part, self._part + 1, may_send=self._may_send)
        self._writer: Any = None
        self._streams = False
        self._complete = self._committed = self._abandoned = False
        # `close` may come while a thread still commits for a request that was given up.
        self._settling = threading.Lock()
        self._working = threading.Lock()

    def write(self, data: bytes) -> None:
        self._parts.write(data)

    def views(self) -> Generator[BinaryIO]:
        """As the store has them: the object is complete before anybody looks into it."""
        self._finish()
        yield from reading.views(
            lambda start, stop: self._bucket.get(self._path, start, stop),
            self._parts.written,
            self._bucket.readers,
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
            if not self._abandoned and not self._committed:
                self._abandoned = True
                self._bucket.tidiers.submit(self._take_back)
                return
        self._parts.close()

    def _may_send(self) -> bool:
        """An open multipart upload has a part's room in memory: a few are sent while they come in, and of a
        crowd the others wait in their files."""
        if not self._streams:
            self._streams = self._bucket.streams.acquire(blocking=False)
        return self._streams

    def _done_streaming(self) -> None:
        if self._streams:
            self._streams = False
            self._bucket.streams.release()

    def _send(self, part: Part) -> None:
        """obstore says that a part has arrived only to whoever has more: so the last byte stays behind until
        the next part, and when it is taken all before it is there, and its memory free."""
        with self._bucket.translated("write"):
            for piece in part.pieces():
                self._open().write(piece)

    def _send_last(self, part: Part) -> None:
        self._send(part)
        with self._bucket.translated("write"):
            self._open().close()

    def _open(self) -> Any:
        if self._writer is None:
            self._writer = self._bucket.writer(self._path, self._part)
        return self._writer

    def _finish(self) -> None:
        """Make the object complete, and see that it has all that was written; once."""
        with self._working:
            if self._complete:
                return
            self._parts.finish(self._send_last)
            self._complete = True
            self._done_streaming()
            found = self._bucket.size(self._path)
            if found != self._parts.written:
                raise StorageUnavailable(
                    f"The store kept {found} of {self._parts.written} bytes.", retry_after=5
                )

    def _take_back(self) -> None:
        with self._working:
            try:
                self._parts.forget()
                if self._complete:
                    self.undo()
                elif self._writer is not None and not self._writer.closed():
                    with self._bucket.translated("delete"):
                        self._writer.__exit__(UploadInterrupted, UploadInterrupted(), None)
            except TiroError as error:
                # The clean-up of unfinished uploads, or the bucket's own, will find it.
                _log.warning("storage.not_taken_back", path=self._path, code=error.code)
            finally:
                self._done_streaming()
                self._parts.close()


def media_path(key: str) -> str:
    return f"{_MEDIA}/{key}"
