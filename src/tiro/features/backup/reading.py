"""Read an archive: in which order its parts come, and that they are whole."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from tiro.errors import BackupDamaged
from tiro.features.backup.archive import CHUNK, Absent, ArchiveReader, Member
from tiro.features.backup.manifest import Head, TableHead, read_head
from tiro.features.backup.portable import decoder
from tiro.features.backup.service import Report

_LONGEST_LINE = 64 << 20
_LONGEST_PART = 256 << 20
"""Bytes. A backup begins a new part after 8 MiB; what unpacks to more than this was not made by one."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, to be taken before what comes next is asked for."""

    table: TableHead
    values: Iterator[list[Any]]


class BackupReader:
    """A backup, read once. Rows come first, in the order of the tables, then secrets, then files.

    Args:
        source: gives fewer bytes than asked for only at its end.

    Raises:
        BackupDamaged
        BackupTooNew
    """

    def __init__(self, source: BinaryIO) -> None:
        self._archive = ArchiveReader(source)
        self._entries = self._archive.entries()
        first = next(self._entries)
        assert isinstance(first, Member)
        self.head: Head = read_head(first.all())
        self._tables = {table.name: place for place, table in enumerate(self.head.tables)}
        if len(self._tables) < len(self.head.tables):
            raise _damaged("a table is named twice")
        self.files = 0
        self.absent: Counter[str] = Counter()

    def parts(self, report: Report) -> Iterator[Rows | Member | Absent]:
        """Members are the secrets and the files. All that came is as it was written once this has ended, and
        not before.

        Raises:
            BackupDamaged
        """
        head, counted, place, phase = self.head, Counter[str](), 0, 0
        rows = done = 0
        for entry in self._entries:
            if isinstance(entry, Absent):
                self.files -= entry.cut
                self.absent[entry.why] += 1
                yield entry
                continue
            kind, _, rest = entry.name.partition("/")
            if (now := _PHASES.get(kind, -1)) < phase:
                raise _damaged(f"{entry.name} does not belong there")
            phase = now
            if kind != "rows":
                self.files += kind == "media"
                yield entry
                done += entry.size if kind == "media" else 0
                report("files", done, head.bytes)
                continue
            name = rest.partition("/")[0]
            if self._tables.get(name, -1) < place:
                raise _damaged(f"{entry.name} does not belong there")
            place = self._tables[name]
            table = head.tables[place]
            decode = decoder(list(table.columns.values()))
            before = counted.total()

            def values(
                entry: Member = entry, table: TableHead = table, decode: Any = decode
            ) -> Iterator[list[Any]]:
                for line in _lines(entry):
                    counted[table.name] += 1
                    if counted[table.name] > table.rows:
                        raise _damaged(f"{table.name} has more rows than it should")
                    yield decode(line)

            part = Rows(table, values())
            yield part
            for _ in part.values:
                pass
            rows += counted.total() - before
            report("rows", rows, head.rows)
        for table in head.tables:
            if counted[table.name] != table.rows:
                raise _damaged(f"rows of {table.name} are missing")
        if self.files + self.absent.total() != head.files:
            raise _damaged("files are missing")


_PHASES = {"rows": 0, "keep": 1, "media": 2}


def verify(source: BinaryIO, report: Report) -> BackupReader:
    """Read a whole backup, and change nothing. Raises BackupDamaged, BackupTooNew."""
    reader = BackupReader(source)
    for _ in reader.parts(report):
        pass
    return reader


def _lines(member: Member) -> Iterator[bytes]:
    """The lines of a packed member, one at a time in memory."""
    unpack = zlib.decompressobj(31)
    rest, size = b"", 0
    try:
        while not unpack.eof:
            data = unpack.unconsumed_tail or member.read()
            if not data:
                raise _damaged(f"{member.name} cannot be unpacked")
            text = unpack.decompress(data, CHUNK)
            size += len(text)
            *whole, rest = (rest + text).split(b"\n")
            if size > _LONGEST_PART or len(rest) > _LONGEST_LINE:
                raise _damaged(f"{member.name} unpacks to more than it can hold")
            yield from whole
    except zlib.error as err:
        raise _damaged(f"{member.name} cannot be unpacked") from err
    if rest or unpack.unused_data:
        raise _damaged(f"{member.name} does not end where it should")


def _damaged(how: str) -> BackupDamaged:
    return BackupDamaged(f"The backup is damaged: {how}. Nothing was changed.")
