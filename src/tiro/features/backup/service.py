"""Make a backup: all rows in one snapshot, then the files of the recordings that it knows."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy.orm import Session

import tiro
from tiro.db import sequences
from tiro.db.migrate import SCHEMA
from tiro.db.session import Database
from tiro.db.tables import Table
from tiro.errors import NotFound
from tiro.features.audit.service import Action, record
from tiro.features.backup import repository
from tiro.features.backup.archive import CHUNK, HEAD, Absent, ArchiveWriter, Why
from tiro.features.backup.manifest import FORMAT, Head, Where
from tiro.features.backup.secrets import NAMES, Secrets
from tiro.kit import clock
from tiro.storage.base import Storage

_PART = 8 << 20
"""Bytes of rows, before they are packed, after which a new member begins."""
_LEVEL = 4

Report = Callable[[str, int, int], None]
"""Is told of what is done ("rows", counted, or "files", in bytes), how much, and of how much in all."""


@dataclass(slots=True)
class Made:
    """What a backup holds. ``absent`` counts the recordings whose file it does not, by the reason."""

    head: Head
    files: int = 0
    size: int = 0
    absent: Counter[str] = field(default_factory=Counter)


class BackupService:
    """Makes backups, also while a server is at work.

    Args:
        database: at the schema of this release.
    """

    def __init__(self, database: Database, storage: Storage, secrets: Secrets) -> None:
        self._database = database
        self._storage = storage
        self._secrets = secrets

    def make(self, out: BinaryIO, *, media: bool, secret: bool, report: Report) -> Made:
        """Write an archive. The snapshot ends before the first file is read, so that a server beside it can
        tidy up; what is removed meanwhile is noted as absent.

        Args:
            media: with the files of the recordings; else they are listed, with their hashes.
            secret: with the server's secret, where that is kept in the data folder, and the owner's key.

        Raises:
            DatabaseBusy
            OSError: ``out`` takes no more.
        """
        # Names of millions of files are kept on disk, not in memory.
        with tempfile.TemporaryFile("w+") as listed:
            with self._database.read() as session:
                repository.take_time(session)
                head = self._head(session, media=media, secret=secret)
                writer = ArchiveWriter(out, head.created_at)
                writer.add(HEAD, head.model_dump_json(indent=1).encode())
                _write_rows(writer, session, head, report)
                for entry in repository.files(session):
                    listed.write(json.dumps(entry) + "\n")
            if head.secrets != "left out":
                for name in NAMES:
                    if (data := self._secrets.read(name)) is not None:
                        writer.add(f"keep/{name}", data)
            made = Made(head)
            listed.seek(0)
            self._write_files(writer, map(json.loads, listed), made, report)
        writer.finish(files=made.files, absent=dict(made.absent))
        made.size = writer.written
        with self._database.write() as session:
            record(session, Action.BACKUP_MADE, rows=head.rows, files=made.files, size=made.size)
        return made

    def _head(self, session: Session, *, media: bool, secret: bool) -> Head:
        count, size = repository.file_totals(session)
        connection = session.connection()
        return Head(
            format=FORMAT,
            release=tiro.__version__,
            schema_revision=SCHEMA,
            created_at=clock.now(),
            database=connection.dialect.name,
            tables=[repository.describe(session, table) for table in repository.tables()],
            sequences=sequences.positions(connection, Table.metadata),
            media="carried" if media else "elsewhere",
            files=count,
            bytes=size,
            secrets=self._where_secrets(carried=secret),
            secret_mark=self._secrets.mark(),
        )

    def _where_secrets(self, *, carried: bool) -> Where:
        if not carried:
            return "left out"
        if self._secrets.given is not None:
            return "set elsewhere"
        return "none" if self._secrets.mark() is None else "carried"

    def _write_files(
        self, writer: ArchiveWriter, listed: Iterable[tuple[str, int, str]], made: Made, report: Report
    ) -> None:
        done = 0
        for key, size, sha256 in listed:
            why = self._write_file(writer, key, size, sha256, made.head)
            if why is None:
                made.files += 1
            else:
                made.absent[why] += 1
            done += size
            report("files", done, made.head.bytes)

    def _write_file(self, writer: ArchiveWriter, key: str, size: int, sha256: str, head: Head) -> Why | None:
        """Returns why it is not there."""
        name = f"media/{key}"
        if head.media == "elsewhere":
            writer.note(Absent(name, size, sha256, "elsewhere"))
            return "elsewhere"
        try:
            file = self._storage.open(key)
        except NotFound:
            why = self._why(key)
            writer.note(Absent(name, size, sha256, why))
            return why
        with file:
            size = file.seek(0, 2)
            file.seek(0)
            return writer.add_file(name, size, _chunks(file), lambda: self._why(key))

    def _why(self, key: str) -> Why:
        with self._database.read() as session:
            return "lost" if repository.has_file(session, key) else "removed"


def _write_rows(writer: ArchiveWriter, session: Session, head: Head, report: Report) -> None:
    done = 0
    for table in repository.tables():
        part, packer, size, packed = 0, _packer(), 0, bytearray()
        for line in repository.lines(session, table):
            data = line.encode() + b"\n"
            packed += packer.compress(data)
            size += len(data)
            done += 1
            if done % 1000 == 0:
                report("rows", done, head.rows)
            if size >= _PART:
                writer.add(f"rows/{table.name}/{part:08d}.jsonl.gz", bytes(packed) + packer.flush())
                part, packer, size, packed = part + 1, _packer(), 0, bytearray()
        if size:
            writer.add(f"rows/{table.name}/{part:08d}.jsonl.gz", bytes(packed) + packer.flush())
    report("rows", done, head.rows)


def _packer() -> zlib._Compress:
    """Packs as gzip does."""
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """What a file has. One that vanishes from a store while it is read has no more."""
    try:
        while chunk := file.read(CHUNK):
            yield chunk
    except NotFound:
        return
