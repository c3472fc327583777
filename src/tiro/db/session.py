"""Sessions and transactions. Nothing outside this file commits.

``read`` gives a snapshot, ``write`` one transaction that commits when its block ends. On SQLite a write
begins with BEGIN IMMEDIATE, so that two writers queue up instead of failing half-way.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from tiro.errors import DatabaseBusy, StorageFull

_AFTER_COMMIT = "tiro.after_commit"
_TURN_SECONDS = 5.0
_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # FULL, because with NORMAL a power cut takes back what was already acknowledged.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
)


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run ``action`` once the session's transaction is committed, and never if it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


class Database:
    """One database, used from many threads. Close it when done."""

    def __init__(self, url: str | URL) -> None:
        self.engine = create_engine(url, pool_size=20, max_overflow=20)
        # Writers of one process queue here, in memory, rather than in SQLite's busy loop.
        self._writer = threading.Lock()
        if self.engine.dialect.name == "sqlite":
            _prepare_sqlite(self.engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; what it loaded stays usable after the block."""
        with _translated(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are committed when the block ends without an error.

        Raises:
            DatabaseBusy: another process holds the database.
            StorageFull: the disk is full; nothing was changed.
        """
        with _translated(), Session(self.engine, expire_on_commit=False) as session:
            with self._turn():
                session.connection(execution_options={"tiro_write": True})
                yield session
                session.commit()
            for action in session.info.pop(_AFTER_COMMIT, []):
                action()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for our turn to write, but not for ever: whoever waits behind a stuck writer is told so."""
        if not self._writer.acquire(timeout=_TURN_SECONDS):
            raise DatabaseBusy(retry_after=2)
        try:
            yield
        finally:
            self._writer.release()


def sqlite_url(path: Path) -> URL:
    """The address of a file, whatever it is called: "?" means something in an address that is text."""
    return URL.create("sqlite", database=str(path))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _prepare_sqlite(engine: Engine) -> None:
    """Take transactions into our own hands: the driver's own begin comes too late and is never IMMEDIATE."""

    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        raw: Any = connection
        raw.isolation_level = None
        for pragma in _PRAGMAS:
            raw.execute(pragma)
        # SQLite's own knows no letters but A to Z.
        raw.create_function("lower", 1, _lower, deterministic=True)

    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("tiro_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into Tiro's, once, here."""
    try:
        yield
    except OperationalError as err:
        code = err.orig.sqlite_errorcode if isinstance(err.orig, sqlite3.OperationalError) else 0
        # The upper bits say more of the kind, such as which file could not be read.
        match code & 0xFF:
            case sqlite3.SQLITE_FULL:
                raise StorageFull from err
            case kind if kind in _AWAY:
                raise DatabaseBusy(retry_after=2) from err
        raise
    except PoolTimeout as err:
        raise DatabaseBusy(retry_after=2) from err
