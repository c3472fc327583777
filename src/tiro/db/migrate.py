"""Bring a database to the schema of this release."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tiro.db.session import Database
from tiro.errors import DatabaseTooNew

SCHEMA = "0001"
"""The newest revision in ``migrations/versions``; a test holds the two together."""

HISTORY = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Apply what is missing, in one transaction; nothing happens where nothing is.

    Raises:
        DatabaseTooNew: a newer release has written it.
    """
    found = revision(database)
    if found == SCHEMA:
        return
    check_known(found)
    with database.upgrading() as connection:
        # Where another process was faster, there is nothing left to do.
        upgrade_on(connection)


def upgrade_on(connection: Connection, revision: str = "head") -> None:
    """Apply what is missing up to ``revision``, in the transaction of ``connection``, as
    ``Database.upgrading`` gives one."""
    # Alembic takes longer to import than the server otherwise takes to start.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HISTORY))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def check_known(found: str | None) -> None:
    """Raises DatabaseTooNew for a schema that this release does not know, and so must not touch."""
    known = {file.name.partition("_")[0] for file in (HISTORY / "versions").glob("[0-9]*.py")}
    if found is not None and found not in known:
        raise DatabaseTooNew(f"{DatabaseTooNew.default} (Its schema is {found}, the newest known {SCHEMA}.)")


def revision(database: Database) -> str | None:
    """The schema that the database has; None where it has none yet."""
    with database.looking() as connection:
        return revision_on(connection)


def revision_on(connection: Connection) -> str | None:
    """As ``revision``, in the transaction of ``connection``."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
