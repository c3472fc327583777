"""Each process at its start, where something is not as it should be: it waits and says for what, or it ends
with a sentence that says what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.databases import SECRET
from tests.ports import free_port
from tests.services.postgres import postgres
from tests.serving import wait_until

from tiro.db.migrate import upgrade
from tiro.db.session import Database

READY = {
    "serve": "listens on",
    "api": "listens on",
    "worker": "jobs at once",
    "beat": "at work",
}
COMMANDS = ("serve", "api", "worker", "beat")
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("command", COMMANDS)]


def environment(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TIRO_")}
    said = {"data": folder / "data", "auth_secret": SECRET, "engine_download": "false"} | settings
    return kept | {f"TIRO_{name.upper()}": str(value) for name, value in said.items()}


def words(command: str) -> list[str]:
    port = ["--port", "0"] if command in {"serve", "api"} else []
    return [sys.executable, "-m", "tiro.cli.main", command, *port]


def ended(folder: Path, command: str, **settings: Any) -> tuple[int, str]:
    """Its exit code, and what it said."""
    done = subprocess.run(
        words(command),
        env=environment(folder, settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@contextmanager
def begun(folder: Path, command: str, **settings: Any) -> Iterator[Path]:
    """It runs until the block ends; gives what it says."""
    log = folder / f"{command}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            words(command), env=environment(folder, settings), cwd=folder, stdout=file, stderr=file
        )
    try:
        yield log
        assert process.poll() is None, log.read_text()
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def at_work(log: Path, command: str) -> bool:
    return READY[command] in log.read_text()


def at_schema(revision: str) -> str:
    """A database that says it has this schema, with which nobody else works."""
    address = postgres().empty_database()
    database = Database(address)
    upgrade(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        connection.exec_driver_sql(f"UPDATE schema SET oldest = '{revision}'")
    database.close()
    return address


def test_an_empty_database_is_filled(tmp_path: Path, command: str) -> None:
    with begun(tmp_path, command, database_url=postgres().empty_database()) as log:
        wait_until(lambda: at_work(log, command), what="its start")


def test_a_newer_schema_is_for_a_newer_release(tmp_path: Path, command: str) -> None:
    code, said = ended(tmp_path, command, database_url=at_schema("9999"))
    assert code == 6, said
    assert "9999" in said
    assert "Traceback" not in said


def test_a_database_that_is_away_is_waited_for_and_then_named(tmp_path: Path, command: str) -> None:
    address = f"postgresql://tiro:hush@127.0.0.1:{free_port()}/tiro"
    code, said = ended(tmp_path, command, database_url=address, database_wait="0.2")
    assert code == 6, said
    assert re.search(r"127\.0\.0\.1:\d+/tiro.* did not answer within 0\.2 s", said)
    assert "database.waiting" in said
    assert "hush" not in said
    assert "Traceback" not in said
