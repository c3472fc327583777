"""Uploads that come in pieces, in a bucket: whichever server the next piece comes to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from tiro.errors import NotFound
from tiro.storage import reading
from tiro.storage.bucket import Bucket
from tiro.storage.objects import ObjectUpload, media_path
from tiro.storage.sending import PART, Part, Parts

_UPLOADS = "uploads"
_PIECE = 1024**2
_BEGUN, _KEPT, _UNPROVEN = "begun", "kept-", "-unproven"
_NAME = re.compile(r"(\d{20})-([0-9a-f]{32})(-unproven)?")


@dataclass(frozen=True, slots=True)
class _Piece:
    """An object that has the upload's bytes from ``start`` up to ``stop``."""

    path: str
    start: int
    stop: int
    token: str
    unproven: bool


class ObjectParts:
    """Objects under ``uploads/KEY/``, each named by where its bytes begin and by who wrote it, so that none
    is ever written over. How much of an upload is here is what they cover from its beginning without a gap:
    more objects can never make that less.

    Unproven bytes say so in their name, and count once there is an object ``kept-`` with the same writer's.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, key: str, size: int) -> None:
        self._bucket.put(f"{_folder(key)}/{_BEGUN}", str(size).encode())

    def size(self, key: str) -> int:
        return _end(_chain(self._look(key).proven))

    def touched(self, key: str) -> datetime:
        return self._look(key).touched

    def touch(self, key: str) -> None:
        self._look(key)
        self._bucket.put(f"{_folder(key)}/{_BEGUN}", b"0")

    @contextmanager
    def append(self, key: str, *, unproven: bool) -> Iterator[ObjectPartWriter]:
        found = self._look(key)
        # Of a process that died before it knew that its bytes were right.
        self._bucket.delete(found.doubtful)
        writer = ObjectPartWriter(self._bucket, key, _end(_chain(found.proven)), unproven=unproven)
        try:
            yield writer
        finally:
            writer.close()

    def open(self, key: str) -> BinaryIO:
        pieces = _chain(self._look(key).proven)
        return reading.remote_file(self._getter(pieces), _end(pieces), self._bucket.readers)

    def whole(self, key: str, target: str) -> WholePieces:
        pieces = _chain(self._look(key).proven)
        return WholePieces(self._bucket, self._getter(pieces), _end(pieces), media_path(target))

    def reclaim(self, key: str, target: str) -> None:
        # The pieces are still there.
        self._bucket.delete([media_path(target)])

    def discard(self, key: str) -> None:
        self._bucket.delete(found.key for found in self._bucket.below(_folder(key)))

    def parts(self) -> Iterator[str]:
        yield from self._bucket.folders(_UPLOADS)

    def _look(self, key: str) -> _Found:
        """Raises NotFound."""
        listed = list(self._bucket.below(_folder(key)))
        if not listed:
            raise NotFound("The upload is not here any more.")
        names = {found.key: found.key.rpartition("/")[2] for found in listed}
        kept = {name.removeprefix(_KEPT) for name in names.values() if name.startswith(_KEPT)}
        pieces = [
            _Piece(found.key, int(match[1]), int(match[1]) + found.size, match[2], bool(match[3]))
            for found in listed
            if (match := _NAME.fullmatch(names[found.key]))
        ]
        return _Found(
            [piece for piece in pieces if not piece.unproven or piece.token in kept],
            [piece.path for piece in pieces if piece.unproven and piece.token not in kept],
            max(found.at for found in listed),
        )

    def _getter(self, pieces: Sequence[_Piece]) -> reading.GetRange:
        def get(start: int, stop: int) -> bytes:
            return b"".join(
                self._bucket.get(piece.path, max(start, begin) - piece.start, min(stop, end) - piece.start)
                for piece, begin, end in _shares(pieces)
                if begin < stop and start < end
            )

        return get


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is of an upload: the pieces that count, the paths of those that do not, and when the last
    thing came."""

    proven: list[_Piece]
    doubtful: list[str]
    touched: datetime


class ObjectPartWriter:
    """See ``PartWriter``."""

    def __init__(self, bucket: Bucket, key: str, offset: int, *, unproven: bool) -> None:
        self._bucket = bucket
        self._key = key
        self._before = self._offset = offset
        self._token = uuid.uuid4().hex
        self._unproven = unproven
        self._sent: list[str] = []
        self._kept = not unproven
        self._parts = Parts(bucket.senders, self._send, PART)

    def write(self, data: bytes) -> None:
        self._parts.write(data)

    def keep(self) -> None:
        self._parts.finish(self._send)
        self._bucket.put(f"{_folder(self._key)}/{_KEPT}{self._token}", b"")
        self._kept = True

    def take_back(self) -> None:
        self._parts.forget()
        self._bucket.delete(self._sent)
        self._sent.clear()
        self._offset = self._before

    def close(self) -> None:
        try:
            if self._kept:
                self._parts.finish(self._send)
            else:
                self.take_back()
        finally:
            self._parts.close()

    def _send(self, part: Part) -> None:
        if not part.size:
            return
        name = f"{self._offset:020}-{self._token}{_UNPROVEN if self._unproven else ''}"
        path = f"{_folder(self._key)}/{name}"
        self._sent.append(path)
        self._bucket.put(path, part.read())
        self._offset += part.size


class WholePieces:
    """Pieces on their way to become one object; see ``Arrival``. They pass through this machine's memory, a
    few at a time, for no store can put objects together in a way that all have."""

    def __init__(self, bucket: Bucket, get: reading.GetRange, size: int, path: str) -> None:
        self._bucket = bucket
        self._get = get
        self._size = size
        self._path = path

    def views(self) -> Generator[BinaryIO]:
        return reading.views(self._get, self._size, self._bucket.readers)

    def commit(self) -> None:
        upload = ObjectUpload(self._bucket, self._path, self._size)
        try:
            with (
                self._bucket.joiners,
                reading.remote_file(self._get, self._size, self._bucket.readers) as file,
            ):
                while data := file.read(_PIECE):
                    upload.write(data)
            upload.commit()
        finally:
            upload.close()

    def undo(self) -> None:
        self._bucket.delete([self._path])


def _folder(key: str) -> str:
    return f"{_UPLOADS}/{key}"


def _chain(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Those that cover the upload from its beginning as far as there is no gap, each beginning inside or at
    the end of what those before it cover."""
    chain: list[_Piece] = []
    end, best = 0, None
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.stop)):
        if piece.start > end:
            if best is None or best.stop < piece.start:
                break
            chain.append(best)
            end, best = best.stop, None
        if piece.stop > (best.stop if best else end):
            best = piece
    if best is not None:
        chain.append(best)
    return chain


def _end(chain: Sequence[_Piece]) -> int:
    return chain[-1].stop if chain else 0


def _shares(chain: Sequence[_Piece]) -> Iterator[tuple[_Piece, int, int]]:
    """Each piece with the bytes that it gives: those that no piece before it has."""
    end = 0
    for piece in chain:
        yield piece, end, piece.stop
        end = piece.stop
