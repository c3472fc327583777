"""The archive: a plain tar that any `tar` reads, and of which only what is written here is read back.

Members follow one another with nothing said beforehand but their size, so that an archive may come out of a
pipe and go into one. After each ``PIECE`` members comes a manifest of them, with their SHA-256; the last
member counts all and sums the manifests up. What was cut off, changed, left out or put in is thus found
before the end, with a memory that does not grow with the archive.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Literal, get_args

from tiro.errors import BackupDamaged

CHUNK = 1 << 20
PIECE = 1000
HEAD, END = "tiro-backup.json", "end.json"
_BLOCK = 512
_SMALL = 16 << 20
"""Longest manifest, head and end."""
_NAMES = re.compile(
    r"tiro-backup\.json|end\.json|manifest/\d{8}\.jsonl|keep/(secret|key)"
    r"|rows/[a-z][a-z0-9_]{0,62}/\d{8}\.jsonl\.gz|media/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)

Why = Literal["elsewhere", "removed", "lost"]
"""Why the bytes of a recording are not in the archive: it was made without them; they were removed while it
was made; they were not where they should have been."""


@dataclass(frozen=True, slots=True)
class Absent:
    """What belongs to the backup, and is not in the archive; where it is ``cut``, a member of that name is
    there, which ended while it was read."""

    name: str
    size: int
    sha256: str
    why: Why
    cut: bool = False


class Member:
    """One file of the archive, read once, from its start to its end."""

    def __init__(self, name: str, size: int, source: BinaryIO) -> None:
        self.name = name
        self.size = size
        self._source = source
        self._left = size
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._digest.hexdigest()

    def read(self, limit: int = CHUNK) -> bytes:
        """The next bytes, up to ``limit``; none at the end. Raises BackupDamaged where the archive ends."""
        if not self._left:
            return b""
        data = self._source.read(min(limit, self._left))
        if not data:
            raise BackupDamaged("The backup is cut short. Nothing was changed.")
        self._left -= len(data)
        self._digest.update(data)
        return data

    def all(self) -> bytes:
        """The whole of a small member."""
        if self.size > _SMALL:
            raise BackupDamaged(f"{self.name} in the backup is larger than it can be. Nothing was changed.")
        return b"".join(iter(self.read, b""))

    def skip(self) -> None:
        while self.read():
            pass


class ArchiveWriter:
    """Writes members one after the other, and the manifests between them."""

    def __init__(self, out: BinaryIO, at: datetime) -> None:
        self._out = out
        self._at = int(at.timestamp())
        self._listed: list[dict[str, object]] = []
        self._pieces = hashlib.sha256()
        self._piece = 0
        self._members = 0
        self.written = 0
        """Bytes so far."""

    def add(self, name: str, data: bytes) -> None:
        self._members += 1
        self._plain(name, data)
        self._list({"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})

    def add_file(self, name: str, size: int, chunks: Iterable[bytes], why: Callable[[], Why]) -> Why | None:
        """Write ``size`` bytes. Where fewer come, the rest is filled up and ``why`` is asked for the reason,
        which goes into the manifest, and is returned."""
        digest, left = hashlib.sha256(), size
        self._header(name, size)

        def put(data: bytes) -> None:
            nonlocal left
            left -= len(data)
            digest.update(data)
            self._write(data)

        for chunk in chunks:
            put(chunk[:left])
        reason = why() if left else None
        while left:
            put(bytes(min(left, CHUNK)))
        self._pad(size)
        self._members += 1
        entry = {"name": name, "size": size, "sha256": digest.hexdigest()}
        self._list(entry if reason is None else entry | {"absent": reason, "cut": True})
        return reason

    def note(self, absent: Absent) -> None:
        """Put into the manifest what is not in the archive."""
        entry = {"name": absent.name, "size": absent.size, "sha256": absent.sha256, "absent": absent.why}
        self._list(entry)

    def finish(self, **more: object) -> None:
        self._end_piece()
        end = {"members": self._members, "manifests": self._pieces.hexdigest(), **more}
        self._plain(END, json.dumps(end, indent=1).encode())
        self._write(bytes(2 * _BLOCK))

    def _list(self, entry: dict[str, object]) -> None:
        self._listed.append(entry)
        if len(self._listed) >= PIECE:
            self._end_piece()

    def _end_piece(self) -> None:
        if not self._listed:
            return
        data = b"".join(json.dumps(entry).encode() + b"\n" for entry in self._listed)
        self._listed.clear()
        self._pieces.update(hashlib.sha256(data).digest())
        self._plain(f"manifest/{self._piece:08d}.jsonl", data)
        self._piece += 1

    def _plain(self, name: str, data: bytes) -> None:
        self._header(name, len(data))
        self._write(data)
        self._pad(len(data))

    def _header(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._at, 0o600
        # In this form, sizes beyond 8 GiB need no second header.
        self._write(info.tobuf(tarfile.GNU_FORMAT))

    def _pad(self, size: int) -> None:
        self._write(bytes(-size % _BLOCK))

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self.written += len(data)


class ArchiveReader:
    """Reads an archive once, from its start to its end.

    Args:
        source: gives fewer bytes than asked for only at its end.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._unlisted: list[tuple[str, int, str]] = []
        self._pieces = hashlib.sha256()
        self._piece = 0
        self._members = 0
        self.end: dict[str, Any] = {}
        """What the last member says, once it was read."""

    def entries(self) -> Iterator[Member | Absent]:
        """Members in their order, each to be read before the next is asked for (what is left of it is read
        then), and what is noted as absent. That a member is as it was written is known with the end of the
        next manifest, and that all are there with the end of the iteration.

        Raises:
            BackupDamaged
        """
        while True:
            member = self._next()
            if member.name == END:
                self._finish(member)
                return
            if member.name.startswith("manifest/"):
                yield from self._compare(member)
            else:
                yield member
                member.skip()
                self._unlisted.append((member.name, member.size, member.sha256))
                self._members += 1
                if len(self._unlisted) > PIECE:
                    raise _damaged("a manifest is missing")
            self._padding(member.size)

    def _next(self) -> Member:
        header = self._exactly(_BLOCK)
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as err:
            first = self._members == 0
            raise (_foreign() if first else _damaged("a header is not right")) from err
        if info.type != tarfile.REGTYPE or info.size < 0 or not _NAMES.fullmatch(info.name):
            raise _foreign() if self._members == 0 else _damaged(f"{info.name!r} does not belong there")
        if (info.name == HEAD) != (self._members == 0):
            raise _foreign() if self._members == 0 else _damaged("it begins twice")
        return Member(info.name, info.size, self._source)

    def _compare(self, manifest: Member) -> Iterator[Absent]:
        if manifest.name != f"manifest/{self._piece:08d}.jsonl":
            raise _damaged("a manifest is missing")
        data = manifest.all()
        self._pieces.update(hashlib.sha256(data).digest())
        self._piece += 1
        carried, absent = [], []
        try:
            for line in data.splitlines():
                entry = json.loads(line)
                what = str(entry["name"]), int(entry["size"]), str(entry["sha256"])
                why, cut = entry.get("absent"), bool(entry.get("cut"))
                if not _NAMES.fullmatch(what[0]) or why not in {None, *get_args(Why)}:
                    raise ValueError
                if why is None or cut:
                    carried.append(what)
                if why is not None:
                    absent.append(Absent(*what, why, cut))
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise _damaged("a manifest cannot be read") from err
        for found, wanted in zip(self._unlisted, carried, strict=False):
            if found[0] == wanted[0] and found != wanted:
                raise _damaged(f"{found[0]} is not what was written")
        if self._unlisted != carried:
            raise _damaged("members are missing, or were put in")
        self._unlisted.clear()
        yield from absent

    def _finish(self, member: Member) -> None:
        data = member.all()
        self._padding(member.size)
        try:
            self.end = dict(json.loads(data))
            counted = self.end["members"], self.end["manifests"]
        except (ValueError, KeyError, TypeError) as err:
            raise _damaged("its end cannot be read") from err
        if self._unlisted or counted != (self._members, self._pieces.hexdigest()):
            raise _damaged("members are missing")
        ending = self._source.read(2 * _BLOCK)
        if len(ending) < 2 * _BLOCK:
            raise _damaged("it is cut short")
        # What copies tapes and disks fills the last block up.
        while ending:
            if ending.strip(b"\0"):
                raise _damaged("something follows its end")
            ending = self._source.read(CHUNK)

    def _padding(self, size: int) -> None:
        if self._exactly(-size % _BLOCK).strip(b"\0"):
            raise _damaged("bytes between members were changed")

    def _exactly(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) < size:
            raise _foreign() if self._members == 0 else _damaged("it is cut short")
        return data


def _damaged(how: str) -> BackupDamaged:
    return BackupDamaged(f"The backup is damaged: {how}. Nothing was changed.")


def _foreign() -> BackupDamaged:
    return BackupDamaged("This is not a backup that `tiro backup` made. Nothing was changed.")
