"""Sessions and transactions. Nothing outside this file commits.

``read`` gives a snapshot, ``write`` one transaction that commits when its block ends. On SQLite a write
begins with BEGIN IMMEDIATE, so that two writers queue up instead of failing half-way; on PostgreSQL it holds
one advisory lock for the same, unless it says that it may be ``shared``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from tiro.db import postgresql, sqlite
from tiro.errors import DatabaseBusy, DatabaseRefused

_AFTER_COMMIT = "tiro.after_commit"
_TURN_SECONDS = 5.0
CONNECTIONS = 20


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run ``action`` once the session's transaction is committed, and never if it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


def database_version(session: Session) -> str:
    """Which database answers, and its version: "PostgreSQL 18.1"."""
    if session.get_bind().dialect.name == "sqlite":
        return f"SQLite {session.scalar(text('select sqlite_version()'))}"
    # "18.1 (Debian 18.1-1)": what is in brackets says who built it.
    return f"PostgreSQL {session.scalar(text('show server_version'))}".partition(" (")[0]


def database_bytes(session: Session) -> int:
    """What the database takes, its indexes and free pages with it."""
    if session.get_bind().dialect.name == "sqlite":
        pages, size = (session.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
        return int(pages or 0) * int(size or 0)
    return int(session.scalar(text("select pg_database_size(current_database())")) or 0)


class Database:
    """One database, used from many threads. Close it when done.

    Args:
        connections: how many to a PostgreSQL server at most.

    Raises:
        DatabaseRefused: the address names no database that Tiro knows.
        MissingExtra: the driver for it is not installed.
    """

    def __init__(self, url: str | URL, *, connections: int = CONNECTIONS) -> None:
        address = _address(url)
        self.postgresql = address.get_backend_name() == "postgresql"
        if self.postgresql:
            self.engine = postgresql.make_engine(address, connections)
            self._read, self._write, self._shared = (
                postgresql.READ,
                postgresql.WRITE,
                postgresql.SHARED_WRITE,
            )
            self._upgrade = postgresql.UPGRADE
            self._translate = postgresql.translate
        else:
            self.engine = sqlite.make_engine(address)
            self._read, self._write, self._shared = sqlite.READ, sqlite.WRITE, sqlite.WRITE
            self._upgrade = sqlite.WRITE
            self._translate = sqlite.translate
        event.listen(self.engine, "begin", _begin)
        self._closed = False
        event.listen(self.engine, "checkin", self._returned)
        # Writers of one process queue here, in memory, rather than in the database, each with a connection.
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading, which sees one state of the database from its first look to its last; what
        it loaded stays usable after the block.

        Raises:
            DatabaseBusy: the database does not answer.
        """
        with self._translated(), self._session(self._read) as session:
            yield session

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[Session]:
        """A session whose changes are committed when the block ends without an error.

        Args:
            shared: others may write at the same time, where the database can do that. What such a block reads
                may be changed by another before it writes: its updates must say in their WHERE what they rely
                on, or hold the rows' locks.

        Raises:
            DatabaseBusy: another holds the database, or it does not answer. Where that happened at the very
                end, the changes may have been committed.
            StorageFull: the disk is full; nothing was changed.
        """
        alone = not (shared and self.postgresql)
        with self._translated():
            turn = self._turn() if alone else nullcontext()
            with turn, self._session(self._write if alone else self._shared) as session:
                yield session
                session.commit()
            for action in session.info.pop(_AFTER_COMMIT, []):
                action()

    @contextmanager
    def upgrading(self) -> Iterator[Connection]:
        """A connection in a transaction that no other process's upgrade, and no writer, runs beside; it waits
        for theirs as long as it takes. Committed when the block ends without an error."""
        with self._translated(), self.engine.connect() as connection:
            connection.execution_options(tiro_begin=self._upgrade)
            yield connection
            connection.commit()

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """A connection in a transaction that only reads, for what is not in our tables."""
        with self._translated(), self.engine.connect() as connection:
            connection.execution_options(tiro_begin=self._read)
            yield connection

    def connections(self) -> tuple[int, int, int]:
        """How many connections are in use, how many are open and idle, and how many there may be."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):  # a database in memory has but one
            return 0, 0, 1
        return pool.checkedout(), pool.checkedin(), pool.size() + max(0, pool._max_overflow)

    @property
    def address(self) -> str:
        """Where it is, without the password: "db.example:5432/tiro"."""
        url = self.engine.url
        if not self.postgresql:
            return str(url.database)
        return f"{url.host or url.query.get('host', '')}{f':{url.port}' if url.port else ''}/{url.database}"

    def close(self) -> None:
        self._closed = True
        self.engine.dispose()

    def _returned(self, connection: DBAPIConnection | None, _entry: ConnectionPoolEntry) -> None:
        """What a thread still had when all was closed is closed by it."""
        if self._closed and connection is not None:
            connection.close()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        """A session in a transaction that has begun."""
        options = {"tiro_begin": begin}
        # Closed for good at the end of the block: whoever used it after that would begin a transaction, and
        # keep its connection, that nobody ends.
        with Session(self.engine, expire_on_commit=False, close_resets_only=False) as session:
            try:
                session.connection(execution_options=options)
            except DBAPIError as err:
                if not err.connection_invalidated:
                    raise
                # The server was away since this connection was last used, and with it all that are idle:
                # nothing was sent yet, so a new one does as well, and nobody need ask before each use.
                session.rollback()
                session.connection(execution_options=options)
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for our turn to write, but not for ever: whoever waits behind a stuck writer is told so."""
        if not self._writer.acquire(timeout=_TURN_SECONDS):
            raise DatabaseBusy(retry_after=2)
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into Tiro's, once, here."""
        try:
            yield
        except DBAPIError as err:
            if (ours := self._translate(err.orig)) is None:
                raise
            raise ours from err
        except PoolTimeout as err:
            raise DatabaseBusy(retry_after=2) from err


def _address(url: str | URL) -> URL:
    # SQLAlchemy knows no `postgres://`, which is what many providers hand out.
    if isinstance(url, str) and url.startswith("postgres://"):
        url = url.replace("postgres", "postgresql", 1)
    try:
        address = make_url(url)
        known = address.get_backend_name() in {"sqlite", "postgresql"}
    except ArgumentError as err:
        raise DatabaseRefused(_UNKNOWN) from err
    if not known:
        raise DatabaseRefused(_UNKNOWN)
    return address


_UNKNOWN = (
    "TIRO_DATABASE_URL names no database that Tiro knows. It is postgresql://user:password@host/name, or "
    "nothing at all for SQLite in the data folder."
)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("tiro_begin", "BEGIN"))
