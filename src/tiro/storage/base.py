"""The storage port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, Protocol


class Arrival(Protocol):
    """Bytes that have come, to be kept or not."""

    def reader(self) -> BinaryIO:
        """The bytes written so far, from the start; the caller closes it."""
        ...

    def commit(self) -> None:
        """Make the bytes durable under their key. After this returns they survive a power cut."""
        ...

    def undo(self) -> None:
        """Take back a ``commit`` that nothing came of."""
        ...


class Upload(Arrival, Protocol):
    """Bytes on their way in. Leaving its ``with`` block without ``commit`` takes them back."""

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            StorageFull: no room is left.
        """
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


class PartWriter(Protocol):
    """The end of a part, where bytes are added to it."""

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            StorageFull: no room is left; what was written before it counts.
        """
        ...

    def keep(self) -> None:
        """What was written since ``append`` is right, and counts from now on."""
        ...

    def take_back(self) -> None:
        """Forget what was written since ``append``."""
        ...


class PartStorage(Protocol):
    """Keep uploads that come in pieces, by key, until they are whole. A part's length is the truth about how
    much of it has come. Of one part, only one caller at a time may ask."""

    def begin(self, key: str, size: int) -> None:
        """An empty part that is going to have ``size`` bytes.

        Raises:
            StorageFull: so much has no room.
        """
        ...

    def size(self, key: str) -> int:
        """How many of its bytes are here for good: they survive a power cut.

        Raises:
            NotFound: there is no such part.
        """
        ...

    def touched(self, key: str) -> datetime:
        """When something last came; raises NotFound."""
        ...

    def append(self, key: str, *, unproven: bool) -> AbstractContextManager[PartWriter]:
        """Add to a part. What was written counts durably when the block ends, however it ends.

        Args:
            unproven: nothing counts but what was told to ``keep``, even where the process dies in between.

        Raises:
            NotFound
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """The bytes, seekable; the caller closes it. Raises NotFound."""
        ...

    def whole(self, key: str, target: str) -> Arrival:
        """A part that is complete, to be kept in the storage of recordings under ``target``. It stays as it
        is where it is not committed. Raises NotFound."""
        ...

    def reclaim(self, key: str, target: str) -> None:
        """Make a part again of what was committed as ``target``, where a process died before it could say
        so; nothing happens where there is no such thing."""
        ...

    def discard(self, key: str) -> None:
        """Forget the part; nothing happens where there is none."""
        ...

    def parts(self) -> Iterator[str]:
        """The keys of all parts."""
        ...
