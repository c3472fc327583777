"""The schema: made once by whoever is first, upgraded when somebody says so; two releases side by side."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from tests.commands import run_here
from tests.conftest import make_settings
from tests.makecall import wav
from tests.services.postgres import postgres
from tests.serving import thread_server

from tiro.bootstrap.data import inspect_data, open_database
from tiro.db import migrate
from tiro.db.migrate import HISTORY, SCHEMA, revision
from tiro.db.session import Database
from tiro.errors import DatabaseRefused, DatabaseTooNew, DatabaseTooOld

LATER = '''"""A column more, which older releases do not write"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
works_with = "{works_with}"


def upgrade() -> None:
    op.add_column("{table}", sa.Column("extra_{revision}", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("{table}", "extra_{revision}")
'''
NEXT, AFTER_NEXT = f"{int(SCHEMA) + 1:04}", f"{int(SCHEMA) + 2:04}"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    (tmp_path / "data").mkdir()
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'tiro.db'}"
    return postgres().empty_database()


def later(tmp_path: Path, *works_with: str) -> Path:
    """The history of later releases, with a revision more for each of ``works_with``."""
    history = tmp_path / "later"
    shutil.copytree(HISTORY, history, ignore=shutil.ignore_patterns("__pycache__"))
    before = SCHEMA
    for number, oldest in enumerate(works_with, int(SCHEMA) + 1):
        revision = f"{number:04}"
        values = {"revision": revision, "before": before, "works_with": oldest, "table": "jobs"}
        (history / "versions" / f"{revision}_later.py").write_text(LATER.format(**values))
        before = revision
    return history


def test_many_begin_at_once_and_one_makes_the_schema(address: str, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data", database={"url": address})
    if address.startswith("sqlite"):
        open_database(settings).close()  # one process has a folder for itself
    with ThreadPoolExecutor(4) as pool:
        for database in pool.map(lambda _: open_database(settings), range(4)):
            assert revision(database) == SCHEMA
            database.close()
    assert not [found for found in inspect_data(settings) if found.faults]


def test_a_release_works_beside_the_next(address: str, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data", database={"url": address})
    database = open_database(settings)
    assert migrate.upgrade(database, later(tmp_path, SCHEMA)) == (SCHEMA, NEXT)
    database.close()
    with thread_server(settings) as server:
        assert server.client.send_file("call.wav", wav(2), wait=30).json()["status"] == "completed"
        assert revision(server.runtime.database) == NEXT
    assert not [found for found in inspect_data(settings) if found.faults]


def test_but_not_beside_one_that_it_does_not_understand(address: str, tmp_path: Path) -> None:
    """The release after the next needs the next's code; that a later revision is content with less changes
    nothing."""
    settings = make_settings(tmp_path / "data", database={"url": address})
    database = open_database(settings)
    assert migrate.upgrade(database, later(tmp_path, NEXT, SCHEMA)) == (SCHEMA, AFTER_NEXT)
    for refused in (lambda: open_database(settings), lambda: inspect_data(settings)):
        with pytest.raises(DatabaseTooNew, match=AFTER_NEXT):
            refused()
    with pytest.raises(DatabaseTooNew):
        migrate.upgrade(database)
    database.close()


def test_on_postgresql_nobody_upgrades_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = postgres().database()
    database = Database(address)
    later_schema = later(tmp_path, SCHEMA)
    monkeypatch.setattr(migrate, "SCHEMA", NEXT)
    monkeypatch.setattr(migrate, "HISTORY", later_schema)
    settings = make_settings(tmp_path / "data", database={"url": address})
    with pytest.raises(DatabaseTooOld, match="tiro db upgrade"):
        open_database(settings)
    monkeypatch.setenv("TIRO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIRO_DATABASE_URL", address)
    assert run_here(monkeypatch, capsys, "db", "current").returncode == 1
    assert f"from {SCHEMA} to {NEXT}" in run_here(monkeypatch, capsys, "db", "upgrade").stderr
    assert run_here(monkeypatch, capsys, "db", "current").stdout.strip() == NEXT
    open_database(settings).close()
    assert migrate.upgrade(database) == (NEXT, NEXT)
    database.close()


def test_check_names_what_differs(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIRO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIRO_DATABASE_URL", address)
    assert "nothing" in run_here(monkeypatch, capsys, "db", "upgrade").stderr
    done = run_here(monkeypatch, capsys, "db", "check")
    assert (done.returncode, done.stdout) == (0, "")
    database = Database(address)
    with database.upgrading() as connection:
        connection.execute(text("ALTER TABLE jobs ADD COLUMN stray integer"))
        connection.execute(text("DROP INDEX ix_jobs_listed"))
        on = "" if address.startswith("sqlite") else " ON audit"
        connection.execute(text(f"DROP TRIGGER audit_is_append_only{on}"))
    database.close()
    done = run_here(monkeypatch, capsys, "db", "check")
    assert done.returncode == 1
    for name in ("stray", "ix_jobs_listed", "audit_is_append_only"):
        assert name in done.stdout


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    address = postgres().empty_database()
    database = Database(address)
    with database.upgrading() as connection:
        connection.execute(text("CREATE TABLE users (id integer)"))
    with pytest.raises(DatabaseRefused, match="users"):
        open_database(make_settings(tmp_path / "data", database={"url": address}))
    assert revision(database) is None
    database.close()


def test_every_revision_says_with_whom_it_works() -> None:
    for one in ScriptDirectory(str(HISTORY)).walk_revisions():
        assert one.module.works_with <= one.revision
