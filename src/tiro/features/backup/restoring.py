"""Bring a backup back: all of it, or nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from tiro.db import migrate, sequences
from tiro.db.session import Database
from tiro.db.tables import Table
from tiro.errors import BackupDamaged, BackupTooNew, DatabaseTooNew, DataInUse, DataPresent, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.backup import repository
from tiro.features.backup.archive import CHUNK, Absent, Member
from tiro.features.backup.manifest import Head
from tiro.features.backup.reading import BackupReader, Rows, verify
from tiro.features.backup.secrets import Secrets
from tiro.features.backup.service import Report
from tiro.features.jobs.fleet import Fleet
from tiro.features.jobs.service import JobService
from tiro.kit import clock
from tiro.storage.base import Storage, StorageInventory

__all__ = ["RestoreService", "Restored", "Store", "verify"]

_LOOKED_UP = 500


class Store(Storage, StorageInventory, Protocol):
    """Where recordings are kept, and what else is there."""


@dataclass(slots=True)
class Restored:
    """What came back. ``absent`` counts the recordings without a file, by the reason; ``jobs`` those that ran
    when the backup was made, and wait again. ``other_secret`` is set where the server has not the secret
    that the backup's had."""

    head: Head
    files: int = 0
    jobs: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    other_secret: bool = False


class RestoreService:
    """Restores backups, while nobody else works on the data.

    Args:
        set_aside: what becomes of the files of recordings that were replaced.
    """

    def __init__(
        self,
        database: Database,
        storage: Store,
        jobs: JobService,
        fleet: Fleet,
        secrets: Secrets,
        set_aside: Callable[[str], None],
    ) -> None:
        self._database = database
        self._storage = storage
        self._jobs = jobs
        self._fleet = fleet
        self._secrets = secrets
        self._set_aside = set_aside
        self.history = migrate.HISTORY
        """Of the database's schemas."""

    def presence(self) -> tuple[int, int] | None:
        """How many users and recordings there are; None where there is nothing. Raises DatabaseTooNew."""
        with self._database.looking() as connection:
            _known(migrate.revision_on(connection), self.history)
            return repository.presence(connection)

    def restore(self, source: BinaryIO, *, replace: bool, report: Report) -> Restored:
        """Take an archive in. Rows are in one transaction, which ends after the last file is kept: what fails
        leaves the data as it was.

        Args:
            replace: in the place of what is there. The files of that are set aside.

        Raises:
            BackupDamaged
            BackupTooNew
            DatabaseBusy
            DataPresent
            DataInUse
            StorageFull
        """
        reader = BackupReader(source)
        _check_schema(reader.head, self.history)
        self._storage.sweep_unfinished(timedelta(0))  # nobody else is at work
        restored = Restored(reader.head)
        with _NewFiles(self._storage) as new_files:
            with self._database.upgrading() as connection:
                self._make_room(connection, reader.head, replace=replace)
                try:
                    kept = self._take_in(connection, reader, new_files, restored, report)
                except (IntegrityError, DataError, OverflowError) as err:
                    why = getattr(err, "orig", err)
                    raise BackupDamaged(
                        f"The backup is damaged: a row is refused ({why}). Nothing was changed."
                    ) from err
                # From here on the database may have it all, even where it cannot say so any more.
                new_files.keep()
            for name, data in kept.items():
                self._secrets.put(name, data)
        restored.files, restored.absent = reader.files, reader.absent
        restored.other_secret = reader.head.secret_mark not in {None, self._secrets.mark()}
        if replace:
            self._clear_files()
        return restored

    def _make_room(self, connection: Connection, head: Head, *, replace: bool) -> None:
        """Empty tables, as the backup's release had them."""
        found = _known(migrate.revision_on(connection), self.history)
        if found == migrate.SCHEMA:
            with Session(connection) as session:
                if self._fleet.alive(session):
                    raise DataInUse
        if found is not None and not replace and repository.presence(connection) is not None:
            raise DataPresent
        repository.wait_briefly(connection)
        try:
            migrate.begin_at(connection, head.schema_revision, self.history)
        except OperationalError as err:
            raise DataInUse from err

    def _take_in(
        self,
        connection: Connection,
        reader: BackupReader,
        new_files: _NewFiles,
        restored: Restored,
        report: Report,
    ) -> dict[str, bytes]:
        """Returns the secrets, which take their place once the rows have theirs."""
        head, kept, gone = reader.head, dict[str, bytes](), list[str]()
        _check_columns(connection, head)
        for part in reader.parts(report):
            match part:
                case Rows():
                    repository.add_rows(connection, part.table, part.values)
                case Absent():
                    key = part.name.rpartition("/")[2]
                    if part.cut:
                        new_files.take_back(key)
                    if part.why == "removed":
                        gone.append(key)
                case Member() if part.name.startswith("keep/"):
                    kept[part.name.rpartition("/")[2]] = part.all()
                case Member():
                    self._take_file(connection, part, new_files)
        migrate.upgrade_on(connection, self.history)
        for table, column in sequences.numbered(Table.metadata):
            sequences.advance(connection, table, column, head.sequences.get(f"{table}.{column}", 0))
        with Session(connection) as session:
            for key in gone:
                repository.mark_removed(session, key, clock.now())
            restored.jobs = self._jobs.resume_restored(session)
            record(
                session,
                Action.BACKUP_RESTORED,
                made_at=head.created_at.isoformat(),
                release=head.release,
                rows=head.rows,
                files=reader.files,
            )
            session.flush()
        return kept

    def _take_file(self, connection: Connection, member: Member, new_files: _NewFiles) -> None:
        key = member.name.rpartition("/")[2]
        promised = repository.file_of(connection, key)
        if promised is None:
            raise BackupDamaged(f"The backup is damaged: nobody knows {member.name}. Nothing was changed.")
        if self._has(key, *promised):
            return
        with self._storage.create(key, member.size) as upload:
            while chunk := member.read(CHUNK):
                upload.write(chunk)
            new_files.add(key)
            upload.commit()

    def _has(self, key: str, size: int, sha256: str) -> bool:
        """Whether the file is there already, as where only the database was lost."""
        try:
            file = self._storage.open(key)
        except NotFound:
            return False
        with file:
            if file.seek(0, 2) != size:
                return False
            file.seek(0)
            found = Member(key, size, file)
            found.skip()
            return found.sha256 == sha256

    def _clear_files(self) -> None:
        """What was replaced goes out of the way, for a person to look at."""
        keys = iter(self._storage.inventory())
        while some := list(islice(keys, _LOOKED_UP)):
            with self._database.read() as session:
                lonely = set(some) - repository.known(session, some)
            for key in lonely:
                self._set_aside(key)


class _NewFiles:
    """The files that were not there before; they go again where the block fails before ``keep``. Their names
    are kept on disk, for there may be millions."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept = False

    def __enter__(self) -> _NewFiles:
        self._names = tempfile.TemporaryFile("w+")
        return self

    def __exit__(self, *_: object) -> None:
        with self._names:
            if not self._kept:
                for key in self._all():
                    self._storage.delete(key)

    def add(self, key: str) -> None:
        self._names.write(f"{key}\n")

    def take_back(self, key: str) -> None:
        self._storage.delete(key)

    def keep(self) -> None:
        self._kept = True

    def _all(self) -> Iterator[str]:
        self._names.seek(0)
        for line in self._names:
            yield line.rstrip("\n")


def _known(found: str | None, history: Path) -> str | None:
    if found is not None and not migrate.is_known(found, history):
        raise DatabaseTooNew
    return found


def _check_schema(head: Head, history: Path) -> None:
    if not migrate.is_known(head.schema_revision, history):
        raise BackupTooNew(
            f"The backup was made by Tiro {head.release}, which is newer (its schema is "
            f"{head.schema_revision}). Install that release; nothing was changed."
        )


def _check_columns(connection: Connection, head: Head) -> None:
    """Raises BackupDamaged where the archive's tables are not those that its schema has."""
    carried = {table.name: set(table.columns) for table in head.tables}
    if carried != repository.columns(connection, carried):
        raise BackupDamaged(
            f"The backup's tables are not those of its schema {head.schema_revision}: it was made by a "
            "version that was never released. Nothing was changed."
        )
