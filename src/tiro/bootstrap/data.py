"""The data folder and the database: opened, locked, and inspected."""

from __future__ import annotations

import math
import time
from pathlib import Path

import structlog
from sqlalchemy import URL

from tiro.bootstrap.ports import build_storage, is_alone
from tiro.db import migrate
from tiro.db.session import Database
from tiro.db.sqlite import sqlite_url
from tiro.errors import DatabaseBusy, DataFolderInUse, DataFolderUnusable
from tiro.features.checkup.service import SETTLE_SECONDS, CheckupService, Finding
from tiro.kit.lockfile import AlreadyLocked, FolderLock, is_locked
from tiro.settings import Settings

_TOLD_SECONDS, _PAUSE_SECONDS = 5.0, 0.5
_log = structlog.get_logger(__name__)


def open_database(settings: Settings, *, wait: float = 0.0) -> Database:
    """The database, at a schema that this release works with.

    Args:
        wait: for how many seconds to try where a PostgreSQL server does not answer.

    Raises:
        DatabaseBusy: it does not answer.
        DatabaseRefused: it lets nobody in with this name and password, or there is none of this name.
        DatabaseTooOld, DatabaseTooNew
    """
    database = _connect(settings)
    try:
        if database.postgresql:
            _wait(database, wait)
        migrate.prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def look_at_database(settings: Settings) -> Database | None:
    """As ``connect``, but makes nothing: None where there is none."""
    if settings.database.url is None and not _database_file(settings).exists():
        return None
    return Database(_database_url(settings), connections=settings.database.connections)


def connect(settings: Settings) -> Database:
    """The database as it is, whatever its schema.

    Raises:
        DatabaseBusy: it does not answer; with its address, and why.
        DatabaseRefused
    """
    database = _connect(settings)
    try:
        if database.postgresql:
            _wait(database, 0)
    except BaseException:
        database.close()
        raise
    return database


def _connect(settings: Settings) -> Database:
    make_data_folder(settings)
    return Database(_database_url(settings), connections=settings.database.connections)


def _wait(database: Database, seconds: float) -> None:
    """Until it answers; those who wait with us are told for what."""
    deadline, told = time.monotonic() + seconds, -math.inf
    while True:
        try:
            with database.read():
                return
        except DatabaseBusy as err:
            # Of several lines the first says it; none of them has the password.
            reason = str(getattr(err.__cause__, "orig", "")).partition("\n")[0]
            now = time.monotonic()
            if now >= deadline:
                long = f" within {seconds:g} s" if seconds else ""
                raise DatabaseBusy(f"The database {database.address} did not answer{long}. {reason}") from err
            if now - told >= _TOLD_SECONDS:
                _log.warning(
                    "database.waiting", address=database.address, seconds=round(deadline - now), reason=reason
                )
                told = now
            time.sleep(min(_PAUSE_SECONDS, deadline - now))


def lock_data_folder(settings: Settings, *, shared: bool = False) -> FolderLock:
    """Make this process the only server on the data folder, or one of several that share it; raises
    DataFolderInUse where another is in the way."""
    make_data_folder(settings)
    try:
        return FolderLock(settings.data / "lock", shared=shared)
    except AlreadyLocked as err:
        raise DataFolderInUse from err


def make_data_folder(settings: Settings) -> None:
    """Raises DataFolderUnusable."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise DataFolderUnusable(
            f"The data folder {settings.data} cannot be made: {err.strerror}. Choose another with TIRO_DATA."
        ) from err


def inspect_data(
    settings: Settings, *, deep: bool = False, settle_seconds: float = SETTLE_SECONDS
) -> list[Finding]:
    """Check every promise about the data, and change nothing; safe while a server runs. Where there is no
    database yet, there is nothing to find.

    Args:
        deep: read recordings in a bucket too, and not only look how large they are.
        settle_seconds: how long a file may wait for its row before it counts as lost.

    Raises:
        DatabaseTooNew
    """
    database = look_at_database(settings)
    if database is None:
        return []
    try:
        found = migrate.revision(database)
        if found != migrate.SCHEMA and not migrate.is_newer(database, found):
            way = "`tiro db upgrade`" if database.postgresql else "the next `tiro serve`"
            what = f"{found}; {way} brings it there" if found else f"nothing; {way} makes the tables"
            return [Finding(f"the database has this release's schema, {migrate.SCHEMA}", [f"it has {what}"])]
        storage, parts = build_storage(settings)
        try:
            return CheckupService(
                database,
                storage,
                parts,
                # On what is shared others may be at work from elsewhere.
                running=lambda: not is_alone(settings) or is_locked(settings.data / "lock"),
                settle_seconds=settle_seconds,
                deep=deep or settings.storage.bucket is None,
            ).run()
        finally:
            storage.close()
    finally:
        database.close()


def _database_file(settings: Settings) -> Path:
    return settings.data / "tiro.db"


def _database_url(settings: Settings) -> str | URL:
    return settings.database.url or sqlite_url(_database_file(settings))
