"""All rows, out of a database and into one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, inspect, select, text, update
from sqlalchemy import Table as CoreTable
from sqlalchemy import column as named_column
from sqlalchemy import table as named_table
from sqlalchemy.orm import Session

from tiro.db.tables import RecordingTable, Table, UploadTable, UserTable
from tiro.features.backup.manifest import TableHead
from tiro.features.backup.portable import encoder, kind_of, selected, type_of

_FETCHED = 1000

LEFT_OUT = {
    "workers": "who is alive tells so itself, every few seconds",
    "schema": "it is made with the tables",
    "rounds": "what is due on a server is not due on another; each begins at once where nothing is known",
}
"""Tables that no backup carries, each with the reason."""


def tables() -> list[CoreTable]:
    """All that a backup carries, each after those that its rows name."""
    return [table for table in Table.metadata.sorted_tables if table.name not in LEFT_OUT]


def _wanted(table: CoreTable) -> Sequence[ColumnElement[bool]]:
    """Unfinished uploads are no accepted work, and what has come of them is not in the archive."""
    return [UploadTable.finished_at.is_not(None)] if table.name == UploadTable.__tablename__ else []


def take_time(session: Session) -> None:
    """Let statements of this transaction take as long as they need."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = 0"))


def describe(session: Session, table: CoreTable) -> TableHead:
    count = session.scalar(select(func.count()).select_from(table).where(*_wanted(table))) or 0
    columns = {column.name: kind_of(column) for column in table.columns}
    return TableHead(name=table.name, rows=count, columns=columns)


def lines(session: Session, table: CoreTable) -> Iterator[str]:
    """The rows of a table in the order of its key, as ``portable`` writes them; few at a time in memory."""
    encode = encoder([kind_of(column) for column in table.columns])
    query = (
        select(*(selected(column) for column in table.columns))
        .where(*_wanted(table))
        .order_by(*table.primary_key.columns)
        .execution_options(yield_per=_FETCHED)
    )
    for row in session.execute(query):
        yield encode(row)


def file_totals(session: Session) -> tuple[int, int]:
    """How many recordings have a file, and the bytes of those."""
    query = select(func.count(), func.coalesce(func.sum(RecordingTable.size), 0))
    count, size = session.execute(query.where(RecordingTable.media_removed_at.is_(None))).one()
    return int(count), int(size)


def files(session: Session) -> Iterator[tuple[str, int, str]]:
    """Id, size and SHA-256 of every recording that has a file."""
    query = (
        select(RecordingTable.id, RecordingTable.size, RecordingTable.sha256)
        .where(RecordingTable.media_removed_at.is_(None))
        .order_by(RecordingTable.id)
        .execution_options(yield_per=_FETCHED)
    )
    for row in session.execute(query):
        yield row.id, row.size, row.sha256


def has_file(session: Session, recording_id: str) -> bool:
    """Whether, as far as the rows know, the recording is there and its file too."""
    query = select(RecordingTable.id).where(
        RecordingTable.id == recording_id, RecordingTable.media_removed_at.is_(None)
    )
    return session.scalar(query) is not None


def presence(connection: Connection) -> tuple[int, int] | None:
    """How many users and recordings there are; None where nothing at all is in the tables of this release."""
    there = set(inspect(connection).get_table_names())
    if not any(
        connection.scalar(select(1).select_from(table).limit(1)) for table in tables() if table.name in there
    ):
        return None
    counts = [
        connection.scalar(select(func.count()).select_from(table)) or 0
        for table in (UserTable, RecordingTable)
    ]
    return counts[0], counts[1]


def wait_briefly(connection: Connection) -> None:
    """In this transaction, do not wait long for others who use the tables."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))


def columns(connection: Connection, carried: Iterable[str]) -> dict[str, set[str]]:
    """The columns of Tiro's tables, as the database has them now, without those that no backup carries.

    Args:
        carried: the tables of an archive. What the database has beside them and beside those of this release
            is somebody else's.
    """
    seen = inspect(connection)
    names = {*carried, *Table.metadata.tables} - set(LEFT_OUT)
    return {
        name: {column["name"] for column in seen.get_columns(name)}
        for name in seen.get_table_names()
        if name in names
    }


def add_rows(connection: Connection, head: TableHead, rows: Iterable[Sequence[Any]]) -> int:
    """Returns how many there were."""
    into = named_table(head.name, *(named_column(name, type_of(kind)) for name, kind in head.columns.items()))
    statement, names, count = insert(into), list(head.columns), 0
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(dict(zip(names, row, strict=True)))
        if len(batch) >= _FETCHED:
            connection.execute(statement, batch)
            count += len(batch)
            batch = []
    if batch:
        connection.execute(statement, batch)
    return count + len(batch)


def file_of(connection: Connection, recording_id: str) -> tuple[int, str] | None:
    """Size and SHA-256 that the row of a recording names; None where there is no such row."""
    query = select(RecordingTable.size, RecordingTable.sha256).where(RecordingTable.id == recording_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.size, row.sha256)


def mark_removed(session: Session, recording_id: str, at: datetime) -> None:
    session.execute(
        update(RecordingTable)
        .where(RecordingTable.id == recording_id, RecordingTable.media_removed_at.is_(None))
        .values(media_removed_at=at)
    )


def known(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` under which there is a recording."""
    return set(session.scalars(select(RecordingTable.id).where(RecordingTable.id.in_(keys))))
