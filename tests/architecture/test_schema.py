"""The tables in the code and the schema that the migrations make are one."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tiro.db.migrate import HISTORY, SCHEMA, revision, upgrade
from tiro.db.session import Database
from tiro.db.tables import Table


def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'tiro.db'}")
    upgrade(database)
    upgrade(database)
    assert revision(database) == SCHEMA == ScriptDirectory(str(HISTORY)).get_current_head()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []
    database.close()
