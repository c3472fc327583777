"""The storage port."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept under a key: its bytes, and since when."""

    key: str
    size: int
    at: datetime


class Arrival(Protocol):
    """Bytes that have come, to be kept or not."""

    def views(self) -> Generator[BinaryIO]:
        """All bytes as regular files of this machine, each open until the next is asked for. The last one is
        whole; one before it may have zeros in its middle, which is enough to see what a recording is, but
        never to refuse it.

        Raises:
            StorageFull, StorageUnavailable
        """
        ...

    def commit(self) -> None:
        """Make the bytes durable under their key. After this returns they survive a power cut.

        Raises:
            StorageFull, StorageUnavailable
        """
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
            StorageUnavailable: the store does not answer.
        """
        ...


class Storage(Protocol):
    """Keep the bytes of recordings by key. Keys are made by Tiro, never by a caller.

    Every method of this port and of those below raises StorageUnavailable where a store on another machine
    does not answer, or lets Tiro not do what it has to.
    """

    def create(self, key: str, size: int | None = None) -> AbstractContextManager[Upload]:
        """Begin to keep bytes; ``size`` is what the sender announced.

        Raises:
            StorageFull: at once, where the announced size cannot fit.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """The bytes, seekable, fetched as they are read; the caller closes it.

        Raises:
            NotFound: nothing is kept under this key.
        """
        ...

    def fetch(self, key: str, stop: threading.Event | None = None) -> BinaryIO:
        """All bytes as a regular file of this machine; the caller closes it, and then it is gone.

        Args:
            stop: set it from any thread to end this with Cancelled.

        Raises:
            NotFound, StorageFull, Cancelled
        """
        ...

    def address(self, key: str, seconds: int, media_type: str, filename: str) -> str | None:
        """Where whoever knows the address can get the bytes for so many seconds, as an attachment of this
        type and name; None where the store can give no such address."""
        ...

    def delete(self, key: str) -> None:
        """Forget the bytes; nothing happens where there are none."""
        ...


class StorageInventory(Protocol):
    """What the doctor, the health page and the clean-up need beside the verbs of ``Storage``."""

    def inventory(self) -> Iterator[str]:
        """The keys of all that is kept."""
        ...

    def kept(self) -> Iterator[Kept]:
        """As ``inventory``, with size and age."""
        ...

    def set_aside(self, key: str) -> None:
        """Take bytes that belong to no recording out of the way, to ``aside``, for a person to look at. Those
        that nobody has missed there for a month are deleted."""
        ...

    @property
    def aside(self) -> str:
        """Where that is."""
        ...

    def sweep_unfinished(self, age: timedelta) -> int:
        """Remove uploads that have been unfinished for so long; returns how many."""
        ...

    def check(self) -> int | None:
        """The bytes that are free; None where nobody can say.

        Raises:
            StorageUnavailable: the store does not answer, or Tiro may not do there what it has to: it says
                which.
        """
        ...


class RecordingStorage(Storage, StorageInventory, Protocol):
    """A storage with its inventory, as a server has it."""

    def close(self) -> None:
        """Let go of threads and connections; nothing may be asked any more."""
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

    def touch(self, key: str) -> None:
        """Count as if something had come; raises NotFound."""
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
        is where it is not committed; where it is, it may stay too, until it is discarded. Raises NotFound."""
        ...

    def reclaim(self, key: str, target: str) -> None:
        """Make a whole part again of what was committed as ``target``, where a process died before it could
        say so; nothing happens where there is no such thing. Where the part is still there, what was
        committed was a copy, and goes. Only for who has the part to themselves."""
        ...

    def discard(self, key: str) -> None:
        """Forget the part; nothing happens where there is none."""
        ...

    def parts(self) -> Iterator[str]:
        """The keys of all parts."""
        ...
