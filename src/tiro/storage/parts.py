"""Uploads that come in pieces, in a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tiro.errors import NotFound
from tiro.storage.local import LocalStorage, begin_to_sync, fsync_folder, full_disk_translated, move_durably

_CHECK_EVERY = 16 * 1024**2
_UNPROVEN = ".unproven"


class LocalParts:
    """Files under ``folder/uploads``. Beside a file to which unproven bytes are added lies another that says
    how long it was before, so that a process that finds both knows what to take back.

    Args:
        storage: where parts go once they are whole; on the same disk.
    """

    def __init__(self, folder: Path, storage: LocalStorage) -> None:
        self._folder = folder / "uploads"
        self._storage = storage
        self._folder.mkdir(parents=True, exist_ok=True)

    def begin(self, key: str, size: int) -> None:
        self._storage.require_room(size)
        with full_disk_translated():
            self._path(key).touch(exist_ok=False)
            fsync_folder(self._folder)

    def size(self, key: str) -> int:
        with self._opened(key) as descriptor:
            self._take_back_unproven(key, descriptor)
            os.fdatasync(descriptor)
            return os.fstat(descriptor).st_size

    def touched(self, key: str) -> datetime:
        with _missing_translated():
            return datetime.fromtimestamp(self._path(key).stat().st_mtime, UTC)

    def touch(self, key: str) -> None:
        with _missing_translated():
            os.utime(self._path(key))

    @contextmanager
    def append(self, key: str, *, unproven: bool) -> Iterator[LocalPartWriter]:
        with self._opened(key) as descriptor:
            self._take_back_unproven(key, descriptor)
            before = os.lseek(descriptor, 0, os.SEEK_END)
            if unproven:
                self._note_unproven(key, before)
            writer = LocalPartWriter(descriptor, before, self._storage, kept=not unproven)
            try:
                yield writer
            finally:
                if not writer.kept:
                    writer.take_back()
                with full_disk_translated():
                    os.fdatasync(descriptor)
                if unproven:
                    self._beside(key).unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        with _missing_translated():
            return self._path(key).open("rb")

    def whole(self, key: str, target: str) -> WholePart:
        return WholePart(self._path(key), self._storage.path(target))

    def reclaim(self, key: str, target: str) -> None:
        if self._path(key).exists():
            self._storage.delete(target)
            return
        with suppress(FileNotFoundError):
            self._storage.path(target).rename(self._path(key))
            fsync_folder(self._folder)

    def discard(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)
        self._beside(key).unlink(missing_ok=True)

    def parts(self) -> Iterator[str]:
        yield from (path.name for path in self._folder.iterdir() if path.suffix != _UNPROVEN)

    def _path(self, key: str) -> Path:
        return self._folder / key

    def _beside(self, key: str) -> Path:
        return self._folder / (key + _UNPROVEN)

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        with _missing_translated():
            descriptor = os.open(self._path(key), os.O_RDWR)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _note_unproven(self, key: str, length: int) -> None:
        """On disk before any byte that it warns of."""
        with full_disk_translated(), self._beside(key).open("w") as file:
            file.write(f"{length}\n")
            file.flush()
            os.fsync(file.fileno())
            fsync_folder(self._folder)

    def _take_back_unproven(self, key: str, descriptor: int) -> None:
        try:
            noted = self._beside(key).read_text()
        except FileNotFoundError:
            return
        # Of a note that is cut short no byte has followed, so that there is nothing to take back.
        if noted.endswith("\n"):
            os.truncate(descriptor, min(int(noted), os.fstat(descriptor).st_size))
            os.fdatasync(descriptor)
        self._beside(key).unlink()


class LocalPartWriter:
    """See ``PartWriter``."""

    def __init__(self, descriptor: int, before: int, storage: LocalStorage, *, kept: bool) -> None:
        self._descriptor = descriptor
        self._before = self._written = before
        self._storage = storage
        self._since_check = 0
        self.kept = kept

    def write(self, data: bytes) -> None:
        self._since_check += len(data)
        if self._since_check > _CHECK_EVERY:
            begin_to_sync(self._descriptor, self._written, self._since_check)
            self._written += self._since_check
            self._since_check = 0
            self._storage.require_room(0)
        rest = memoryview(data)
        with full_disk_translated():
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def keep(self) -> None:
        self.kept = True

    def take_back(self) -> None:
        os.truncate(self._descriptor, self._before)
        os.lseek(self._descriptor, self._before, os.SEEK_SET)
        self._since_check, self._written = 0, self._before


class WholePart:
    """A part on its way to the recordings; see ``Arrival``."""

    def __init__(self, path: Path, final: Path) -> None:
        self._path = path
        self._final = final

    def views(self) -> Generator[BinaryIO]:
        with _missing_translated(), self._path.open("rb") as file:
            yield file

    def commit(self) -> None:
        with full_disk_translated():
            with self._path.open("rb+") as file:
                os.fsync(file.fileno())
            move_durably(self._path, self._final)

    def undo(self) -> None:
        self._final.rename(self._path)


@contextmanager
def _missing_translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as err:
        raise NotFound from err
