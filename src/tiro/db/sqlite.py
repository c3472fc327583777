"""SQLite: its address, its connections, its errors."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from tiro.errors import DatabaseBusy, StorageFull, TiroError

READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
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


def sqlite_url(path: Path) -> URL:
    """The address of a file, whatever it is called: "?" means something in an address that is text."""
    return URL.create("sqlite", database=str(path))


def make_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_size=20, max_overflow=20)

    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        raw: Any = connection
        # The driver's own begin comes too late and is never IMMEDIATE.
        raw.isolation_level = None
        for pragma in _PRAGMAS:
            raw.execute(pragma)
        # SQLite's own knows no letters but A to Z.
        raw.create_function("lower", 1, _lower, deterministic=True)

    event.listen(engine, "connect", connect)
    return engine


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def translate(error: BaseException | None) -> TiroError | None:
    """What an error of the driver is to Tiro; None where it is a mistake of ours."""
    if not isinstance(error, sqlite3.OperationalError):
        return None
    # The upper bits say more of the kind, such as which file could not be read.
    kind = error.sqlite_errorcode & 0xFF
    if kind == sqlite3.SQLITE_FULL:
        return StorageFull()
    return DatabaseBusy(retry_after=2) if kind in _AWAY else None
