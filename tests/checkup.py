"""What must hold after every fault: the doctor finds nothing, and nothing half-done lies about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import make_settings
from tests.databases import reaching_into
from tiro.bootstrap.data import inspect_data


def assert_sound(data: Path) -> None:
    """Every invariant of the data in ``data``, and no upload that nobody finishes."""
    faults = {found.promise: found.faults for found in inspect_data(make_settings(data)) if found.faults}
    assert not faults
    assert not list((data / "incoming").iterdir())


def rows(data: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Rows of the database, read beside a server that may be dead or alive."""
    with reaching_into(data) as execute:
        return execute(query, *values)


def job_row(data: Path, recording_id: str) -> dict[str, Any]:
    """The job that speaks for a recording."""
    (row,) = rows(data, "SELECT * FROM jobs WHERE recording_id = ? AND latest", recording_id)
    return row


def window_count(data: Path, recording_id: str) -> int:
    """How many windows of the recording's job are recorded."""
    query = "SELECT count(*) AS n FROM windows JOIN jobs ON jobs.id = job_id WHERE recording_id = ?"
    return int(rows(data, query, recording_id)[0]["n"])
