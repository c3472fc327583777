"""SHA-256 of uploads while they come, so that a whole one need not be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

_CHUNK = 1 << 20


class Digest:
    """Of the first ``length`` bytes."""

    def __init__(self) -> None:
        self.length = 0
        self._hash = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        self.length += len(data)

    def hex(self) -> str:
        return self._hash.hexdigest()


class Digests:
    """One of each upload at work. They are only a saving: what is missing is read from the file."""

    def __init__(self) -> None:
        self._found: dict[str, Digest] = {}

    def at(self, upload_id: str, offset: int) -> Digest | None:
        """The digest of all before ``offset``, to be updated with what follows; None where it lags behind."""
        digest = self._found.get(upload_id)
        if digest is not None and digest.length > offset:
            # Some of what it has seen was taken back.
            del self._found[upload_id]
            digest = None
        if digest is None and offset == 0:
            digest = self._found[upload_id] = Digest()
        return digest if digest is not None and digest.length == offset else None

    def of_whole(self, upload_id: str, length: int, open_file: Callable[[], BinaryIO]) -> str:
        """SHA-256 in hex of a file of ``length`` bytes."""
        digest = self._found.get(upload_id)
        if digest is None or digest.length > length:
            digest = Digest()
        with open_file() as file:
            file.seek(digest.length)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hex()

    def forget(self, upload_id: str) -> None:
        self._found.pop(upload_id, None)
