"""The numbers that a database gives to new rows. A number that was given once is not given again, though its
row may be gone: who follows a log by its numbers would miss what gets an old one."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, func, select, table, text
from sqlalchemy import column as named


def numbered(metadata: MetaData) -> list[tuple[str, str]]:
    """Table and column of each."""
    return [
        (each.name, each.autoincrement_column.name)
        for each in metadata.sorted_tables
        if each.autoincrement_column is not None
    ]


def positions(connection: Connection, metadata: MetaData) -> dict[str, int]:
    """The greatest number given so far, by ``table.column``; 0 where there was none."""
    return {f"{name}.{column}": _position(connection, name, column) for name, column in numbered(metadata)}


def advance(connection: Connection, name: str, column: str, to: int) -> None:
    """Go on after ``to``, and after the greatest number in the table."""
    greatest: int | None = connection.scalar(select(func.max(named(column))).select_from(table(name)))
    to = max(to, greatest or 0)
    if to < 1:
        return
    if connection.dialect.name == "sqlite":
        values = {"name": name, "to": to}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :to)"), values)
    else:
        connection.execute(select(func.setval(_sequence(connection, name, column), to)))


def _position(connection: Connection, name: str, column: str) -> int:
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(connection.scalar(query, {"name": name}) or 0)
    sequence = _sequence(connection, name, column)
    # It has no parameter for what it reads from; the name is the database's own, quoted by it.
    query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608
    return connection.scalar(query) or 0


def _sequence(connection: Connection, name: str, column: str) -> str:
    found: str | None = connection.scalar(select(func.pg_get_serial_sequence(f'"{name}"', column)))
    assert found is not None
    return found
