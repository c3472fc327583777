"""Bring a database to the schema of this release."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tiro.db.session import Database

_HISTORY = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Apply what is missing, in one transaction; nothing happens where nothing is."""
    config = Config()
    config.set_main_option("script_location", str(_HISTORY))
    head = ScriptDirectory(str(_HISTORY)).get_current_head()
    with database.engine.connect().execution_options(tiro_write=True) as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def current_revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
