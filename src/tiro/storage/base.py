"""The storage port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class Upload(Protocol):
    """Bytes on their way in. Leaving its ``with`` block without ``commit`` takes them back."""

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            StorageFull: no room is left.
        """
        ...

    def reader(self) -> BinaryIO:
        """The bytes written so far, from the start; the caller closes it."""
        ...

    def commit(self) -> None:
        """Make the bytes durable under their key. After this returns they survive a power cut."""
        ...


class Storage(Protocol):
    """Keep the bytes of recordings by key. Keys are made by Tiro, never by a caller."""

    def create(self, key: str, size: int | None = None) -> AbstractContextManager[Upload]:
        """Begin to keep bytes; ``size`` is what the sender announced.

        Raises:
            StorageFull: at once, where the announced size cannot fit.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """The bytes, seekable; the caller closes it.

        Raises:
            NotFound: nothing is kept under this key.
        """
        ...

    def delete(self, key: str) -> None:
        """Forget the bytes; nothing happens where there are none."""
        ...


class StorageInventory(Protocol):
    """What the doctor and the start-up clean-up need beside the three verbs."""

    def inventory(self) -> Iterator[str]:
        """The keys of all that is kept."""
        ...

    def sweep_unfinished(self) -> int:
        """Remove uploads that no process finishes any more; returns how many."""
        ...
