"""The data folder and the database: opened, locked, and inspected."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL

from tiro.db.migrate import SCHEMA, check_known, revision, upgrade
from tiro.db.session import Database
from tiro.db.sqlite import sqlite_url
from tiro.errors import DataFolderInUse, DataFolderUnusable
from tiro.features.checkup.service import SETTLE_SECONDS, CheckupService, Finding
from tiro.kit.lockfile import AlreadyLocked, FolderLock, is_locked
from tiro.settings import Settings
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts


def open_database(settings: Settings) -> Database:
    """The database, at the schema of this release."""
    _make_data_folder(settings)
    database = Database(_database_url(settings), connections=settings.database.connections)
    upgrade(database)
    return database


def look_at_database(settings: Settings, *, make: bool = False) -> Database | None:
    """The database as it is, with whatever schema it has; None where there is none, unless one is to be
    made. The caller closes it."""
    if make:
        _make_data_folder(settings)
    elif settings.database.url is None and not _database_file(settings).exists():
        return None
    return Database(_database_url(settings), connections=settings.database.connections)


def lock_data_folder(settings: Settings, *, shared: bool = False) -> FolderLock:
    """Make this process the only server on the data folder, or one of several that share it; raises
    DataFolderInUse where another is in the way."""
    _make_data_folder(settings)
    try:
        return FolderLock(settings.data / "lock", shared=shared)
    except AlreadyLocked as err:
        raise DataFolderInUse from err


def _make_data_folder(settings: Settings) -> None:
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise DataFolderUnusable(
            f"The data folder {settings.data} cannot be made: {err.strerror}. Choose another with TIRO_DATA."
        ) from err


def inspect_data(settings: Settings, *, settle_seconds: float = SETTLE_SECONDS) -> list[Finding]:
    """Check every promise about the data, and change nothing; safe while a server runs. Where there is no
    database yet, there is nothing to find.

    Args:
        settle_seconds: how long a file may wait for its row before it counts as lost.

    Raises:
        DatabaseTooNew
    """
    database = look_at_database(settings)
    if database is None:
        return []
    try:
        found = revision(database)
        check_known(found)
        if found != SCHEMA:
            return [
                Finding("the database has this release's schema", ["the next `tiro serve` brings it there"])
            ]
        storage = LocalStorage(settings.data, int(settings.storage.reserve))
        return CheckupService(
            database,
            storage,
            storage,
            LocalParts(settings.data, storage),
            running=lambda: is_locked(settings.data / "lock"),
            settle_seconds=settle_seconds,
        ).run()
    finally:
        database.close()


def _database_file(settings: Settings) -> Path:
    return settings.data / "tiro.db"


def _database_url(settings: Settings) -> str | URL:
    return settings.database.url or sqlite_url(_database_file(settings))
