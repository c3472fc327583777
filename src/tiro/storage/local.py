"""Recordings in a folder of this machine."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from tiro.errors import NotFound, StorageFull, StorageUnavailable
from tiro.storage.base import Kept

_MONTH = 30 * 86_400
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalStorage:
    """Files under ``folder/media``, two letters of the key deep; unfinished ones under ``folder/incoming``.

    Args:
        folder: the data folder; made where it is not there.
        reserve: bytes of free space that uploads leave alone, so that the database can go on writing.
    """

    def __init__(self, folder: Path, reserve: int) -> None:
        self._media = folder / "media"
        self._incoming = folder / "incoming"
        self._reserve = reserve
        self._aside = folder / "orphaned"
        self._media.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def create(self, key: str, size: int | None = None) -> Iterator[LocalUpload]:
        self.require_room(size or 0)
        upload = LocalUpload(self._incoming / key, self.path(key), self.require_room)
        try:
            yield upload
        finally:
            upload.close()

    def open(self, key: str) -> BinaryIO:
        try:
            return self.path(key).open("rb")
        except FileNotFoundError as err:
            raise NotFound("The recording's file is not here any more.") from err

    def fetch(self, key: str, stop: threading.Event | None = None) -> BinaryIO:
        return self.open(key)

    def address(self, key: str, seconds: int, media_type: str, filename: str) -> str | None:
        return None

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def inventory(self) -> Iterator[str]:
        yield from (path.name for path in self._media.glob("*/*"))

    def kept(self) -> Iterator[Kept]:
        for path in self._media.glob("*/*"):
            with suppress(FileNotFoundError):  # it may go meanwhile
                found = path.stat()
                yield Kept(path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    @property
    def aside(self) -> str:
        return str(self._aside)

    def set_aside(self, key: str) -> None:
        self._aside.mkdir(exist_ok=True)
        for path in self._aside.iterdir():
            if path.stat().st_mtime < time.time() - _MONTH:
                path.unlink(missing_ok=True)
        self.path(key).rename(self._aside / key)
        os.utime(self._aside / key)

    def sweep_unfinished(self, age: timedelta) -> int:
        removed = 0
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= time.time() - age.total_seconds():
                    path.unlink()
                    removed += 1
        return removed

    def check(self) -> int | None:
        try:
            return shutil.disk_usage(self._incoming).free
        except OSError as err:
            raise StorageUnavailable(
                f"The folder of recordings cannot be used: {err.strerror}.", retry_after=5
            ) from err

    def close(self) -> None:
        """There is nothing to let go of."""

    def path(self, key: str) -> Path:
        """Where the bytes of ``key`` are, or would be."""
        # The last letters of a UUID v7 are random, its first ones are the time.
        return self._media / key[-2:] / key

    def require_room(self, size: int) -> None:
        """Raises StorageFull where ``size`` bytes more would touch the reserve."""
        if shutil.disk_usage(self._incoming).free - size < self._reserve:
            raise StorageFull


class LocalUpload:
    """One file on its way in."""

    def __init__(self, incoming: Path, final: Path, require_room: Callable[[int], None]) -> None:
        self._incoming = incoming
        self._final = final
        self._require_room = require_room
        self._since_check = self._written = 0
        # A request may be given up, and close this, while a thread still commits for it.
        self._settling = threading.Lock()
        with full_disk_translated():
            self._file = incoming.open("xb")
        self._committed = False

    def write(self, data: bytes) -> None:
        self._since_check += len(data)
        if self._since_check > 16 * 1024**2:
            begin_to_sync(self._file.fileno(), self._written, self._since_check)
            self._written += self._since_check
            self._since_check = 0
            self._require_room(0)
        with full_disk_translated():
            self._file.write(data)

    def views(self) -> Generator[BinaryIO]:
        with full_disk_translated():
            self._file.flush()
        with self._incoming.open("rb") as file:
            yield file

    def commit(self) -> None:
        # The order is the promise: data, then name, then directory; only then may anyone say "accepted".
        with self._settling, full_disk_translated():
            self._file.flush()
            os.fsync(self._file.fileno())
            move_durably(self._incoming, self._final)
            self._committed = True

    def undo(self) -> None:
        self._final.unlink(missing_ok=True)

    def close(self) -> None:
        with self._settling:
            # Closing may try to write what a full disk refused before; what is taken back need not be.
            with suppress(OSError):
                self._file.close()
            if not self._committed:
                self._incoming.unlink(missing_ok=True)
                self._final.unlink(missing_ok=True)


def begin_to_sync(descriptor: int, start: int, length: int) -> None:
    """Let the disk write these bytes while more come in, so that the sync at the end finds little left to do.

    What has just been written is said to be of no more use: Linux then begins to write it out, and as it is
    not on disk yet it stays in memory all the same, for whoever reads the recording next."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)


def move_durably(source: Path, target: Path) -> None:
    """Give a synced file its place two folders deep, for good."""
    target.parent.mkdir(exist_ok=True)
    source.rename(target)
    fsync_folder(target.parent)
    fsync_folder(target.parent.parent)


def fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_translated() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in _FULL:
            raise StorageFull from err
        raise
