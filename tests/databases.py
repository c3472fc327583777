"""On which database the suites run: TIRO_TEST_DATABASE=postgresql, or SQLite; and how tests reach into it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

KEPT = {"TIRO_TEST_AUDIO", "TIRO_TEST_DATABASE"}
"""What of the environment is for the tests, and no setting of the machine's."""

POSTGRESQL = os.environ.get("TIRO_TEST_DATABASE") == "postgresql"

sqlites_own = pytest.mark.skipif(POSTGRESQL, reason="about SQLite's own file, locks or triggers")

SECRET = "b1946ac92492d2347c6235b4d2611184f2a3c5d1"
"""Of servers that share a database; they do not start without one."""

_given: dict[Path, str] = {}

Execute = Callable[..., list[dict[str, Any]]]


def database_for(data: Path) -> str | None:
    """The address of the database that belongs to a data folder, the same one each time; None where that is
    SQLite in the folder."""
    if not POSTGRESQL:
        return None
    # Its wheel is large, and most runs need none.
    from tests.services.postgres import postgres

    if data not in _given:
        _given[data] = postgres().database()
    return _given[data]


def address_of(data: Path) -> str:
    return database_for(data) or f"sqlite:///{data / 'tiro.db'}"


@contextmanager
def reaching_into(data: Path) -> Iterator[Execute]:
    """A function that carries out one statement, with "?" for its values, beside a server that may be alive
    or dead, and gives the rows."""
    address = database_for(data)
    if address is None:
        with closing(sqlite3.connect(data / "tiro.db", timeout=60, isolation_level=None)) as file:
            file.row_factory = sqlite3.Row
            yield lambda statement, *values: [dict(row) for row in file.execute(statement, values)]
        return
    import psycopg
    from psycopg.rows import dict_row

    with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:

        def execute(statement: str, *values: object) -> list[dict[str, Any]]:
            wanted = statement.replace("%", "%%").replace("?", "%s")
            cursor = connection.execute(wanted.encode(), values)
            return cursor.fetchall() if cursor.description else []

        yield execute


@contextmanager
def stuck_at(data: Path, moment: str) -> Iterator[None]:
    """While the block lasts, a writer that comes to ``moment`` (an SQL trigger's, such as
    ``INSERT ON transcripts``) never gets out of its transaction again: it can only be killed."""
    with reaching_into(data) as execute:
        if not POSTGRESQL:
            execute(
                "CREATE VIEW forever AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
                "SELECT max(x) AS x FROM n"
            )
        with _trigger(execute, moment, "SELECT x FROM forever", "PERFORM pg_sleep(3600)"):
            yield
        if not POSTGRESQL:
            execute("DROP VIEW forever")


@contextmanager
def refusing(data: Path, moment: str) -> Iterator[None]:
    """While the block lasts, the database refuses what comes to ``moment``, and says "no"."""
    with (
        reaching_into(data) as execute,
        _trigger(execute, moment, "SELECT RAISE(ABORT, 'no')", "RAISE integrity_constraint_violation"),
    ):
        yield


@contextmanager
def _trigger(execute: Execute, moment: str, sqlite: str, plpgsql: str) -> Iterator[None]:
    if not POSTGRESQL:
        execute(f"CREATE TRIGGER of_a_test BEFORE {moment} BEGIN {sqlite}; END")
        yield
        execute("DROP TRIGGER of_a_test")
        return
    event, _, condition = moment.partition(" WHEN ")
    when = f"WHEN ({condition})" if condition else ""
    execute(
        "CREATE FUNCTION of_a_test() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {plpgsql}; RETURN NEW; END $$"
    )
    execute(f"CREATE TRIGGER of_a_test BEFORE {event} FOR EACH ROW {when} EXECUTE FUNCTION of_a_test()")
    yield
    # Those that are stuck hold the table for as long as their server has not noticed that they are dead.
    execute("DROP FUNCTION of_a_test CASCADE")


def everything_in(data: Path) -> bytes:
    """All that the database holds: its files, or its rows."""
    if not POSTGRESQL:
        return b"".join(path.read_bytes() for path in sorted(data.glob("tiro.db*")))
    from tiro.db.tables import Table

    with reaching_into(data) as execute:
        return repr([execute(f"SELECT * FROM {name}") for name in Table.metadata.tables]).encode()


def use_data(patch: pytest.MonkeyPatch, data: Path) -> None:
    """Let commands find the data folder, and the database that belongs to it."""
    patch.setenv("TIRO_DATA", str(data))
    if url := database_for(data):
        patch.setenv("TIRO_DATABASE_URL", url)
        patch.setenv("TIRO_AUTH_SECRET", SECRET)
