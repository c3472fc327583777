"""On which database the suites run: TIRO_TEST_DATABASE=postgresql, or SQLite."""

from __future__ import annotations

import os
from pathlib import Path

KEPT = {"TIRO_TEST_AUDIO", "TIRO_TEST_DATABASE"}
"""What of the environment is for the tests, and no setting of the machine's."""

POSTGRESQL = os.environ.get("TIRO_TEST_DATABASE") == "postgresql"

_given: dict[Path, str] = {}


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
