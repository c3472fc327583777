"""What must hold after every fault: the doctor finds nothing, and nothing half-done lies about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import make_settings
from tiro.bootstrap.data import inspect_data


def assert_sound(data: Path) -> None:
    """Every invariant of the data in ``data``, and no upload that nobody finishes."""
    faults = {found.promise: found.faults for found in inspect_data(make_settings(data)) if found.faults}
    assert not faults
    assert not list((data / "incoming").iterdir())


def rows(data: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Rows of the database, read beside a server that may be dead or alive."""
    with closing(sqlite3.connect(data / "tiro.db", timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def job_row(data: Path, recording_id: str) -> dict[str, Any]:
    """The job that speaks for a recording."""
    (row,) = rows(data, "SELECT * FROM jobs WHERE recording_id = ? AND latest", recording_id)
    return row


def window_count(data: Path, recording_id: str) -> int:
    """How many windows of the recording's job are recorded."""
    query = "SELECT count(*) AS n FROM windows JOIN jobs ON jobs.id = job_id WHERE recording_id = ?"
    return int(rows(data, query, recording_id)[0]["n"])


@contextmanager
def stuck_at(data: Path, moment: str) -> Iterator[None]:
    """While the block lasts, a writer that comes to ``moment`` (an SQL trigger's, such as
    ``INSERT ON transcripts``) never gets out of its transaction again: it can only be killed."""
    with closing(sqlite3.connect(data / "tiro.db", timeout=30, isolation_level=None)) as connection:
        connection.execute(
            "CREATE VIEW forever AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT max(x) AS x FROM n"
        )
        connection.execute(f"CREATE TRIGGER stuck BEFORE {moment} BEGIN SELECT x FROM forever; END")
        yield
        connection.execute("DROP TRIGGER stuck")
        connection.execute("DROP VIEW forever")
