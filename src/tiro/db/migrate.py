"""Bring a database to the schema of this release, and tell whether this release may use the one it has.

One history serves SQLite and PostgreSQL. Each revision says ``works_with``: the oldest schema whose code
still works once it is applied. So a release may meet a schema that is newer than its own, while an upgrade
goes round the machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, inspect, text

from tiro.db.session import Database
from tiro.errors import DatabaseRefused, DatabaseTooNew, DatabaseTooOld

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "0001"
"""The newest revision in ``migrations/versions``; a test holds the two together."""

HISTORY = Path(__file__).parent / "migrations"

_log = structlog.get_logger(__name__)


def upgrade(database: Database, history: Path | None = None) -> tuple[str | None, str]:
    """Apply what is missing, in one transaction; nothing happens where nothing is. Of two processes that do
    this at once, one does and the other waits.

    Returns: the schema before, and after.

    Raises:
        DatabaseTooNew: a newer release has written it, with which this one does not work.
        DatabaseRefused: it is another program's.
    """
    before = revision(database)
    if before == SCHEMA and history is None:
        return before, before
    history = history or HISTORY
    if is_newer(database, before, history):
        return before, str(before)
    with database.upgrading() as connection:
        # Where another process was faster, there is nothing left to do.
        return before, upgrade_on(connection, history)


def upgrade_on(connection: Connection, history: Path = HISTORY) -> str:
    """As ``upgrade``, in the transaction of ``connection``, as ``Database.upgrading`` gives one; returns the
    schema after. Raises DatabaseRefused."""
    # Alembic takes longer to import than the server otherwise takes to start.
    from alembic.script import ScriptDirectory

    _check_empty(connection)
    _to(connection, "head", history)
    scripts = ScriptDirectory.from_config(_config(history))
    oldest = max(script.module.works_with for script in scripts.walk_revisions())
    connection.execute(text("DELETE FROM schema"))
    connection.execute(text("INSERT INTO schema (oldest) VALUES (:oldest)"), {"oldest": oldest})
    return str(scripts.get_current_head())


def begin_at(connection: Connection, revision: str, history: Path = HISTORY) -> None:
    """Take all of Tiro's tables away, with what is in them, and make them anew and empty as ``revision`` has
    them, in the transaction of ``connection``. Raises DatabaseRefused."""
    from tiro.db.tables import Table

    if revision_on(connection) is not None:
        # Then all that there are, this release knows.
        upgrade_on(connection, history)
        Table.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        if connection.dialect.name == "postgresql":
            connection.execute(text("DROP FUNCTION audit_is_append_only"))
    _check_empty(connection)
    _to(connection, revision, history)


def _to(connection: Connection, revision: str, history: Path) -> None:
    from alembic import command

    config = _config(history)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def prepare(database: Database) -> None:
    """Make the database usable for this release, as far as it may do that by itself: on PostgreSQL only an
    empty one is filled, for others may be at work on it.

    Raises:
        DatabaseTooOld: somebody has to say when it is upgraded.
        DatabaseTooNew, DatabaseRefused
    """
    found = revision(database)
    if found == SCHEMA:
        return
    if is_newer(database, found):
        _log.warning("database.newer", schema=found, known=SCHEMA)
        return
    if found is not None and database.postgresql:
        raise DatabaseTooOld(f"{DatabaseTooOld.default} (Its schema is {found}, this release's {SCHEMA}.)")
    upgrade(database)


def is_newer(database: Database, found: str | None, history: Path | None = None) -> bool:
    """Whether the schema is one of a later release, with which this one works all the same.

    Raises:
        DatabaseTooNew: it does not.
    """
    if found is None or is_known(found, history or HISTORY):
        return False
    with database.looking() as connection:
        kept = inspect(connection).has_table("schema")
        oldest = connection.execute(text("SELECT oldest FROM schema")).scalar() if kept else None
    if oldest is None or oldest > SCHEMA:
        raise DatabaseTooNew(f"{DatabaseTooNew.default} (Its schema is {found}, the newest known {SCHEMA}.)")
    return True


def is_known(revision: str, history: Path = HISTORY) -> bool:
    """Whether this release's history has it."""
    return any(file.name.partition("_")[0] == revision for file in (history / "versions").glob("[0-9]*.py"))


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


def differences(database: Database) -> Sequence[str]:
    """What in the database is not as the tables of this release say, a line each."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from tiro.db.tables import Table

    with database.looking() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found = [_told(change) for change in compare_metadata(context, Table.metadata)]
        return found if _append_only(connection) else [*found, "the trigger audit_is_append_only is missing"]


_DEEDS = {"add": "is missing", "remove": "is not known"}


def _told(change: Any) -> str:
    """``("add_column", None, "jobs", Column(…))`` as a line; several changes of one column come as a list."""
    if isinstance(change, list):
        return "; ".join(_told(one) for one in change)
    kind, *what = change
    deed, _, thing = kind.partition("_")
    names = [getattr(part, "name", part) for part in what if part is not None and not isinstance(part, dict)]
    if deed == "modify":
        *names, there, here = names
        return f"{thing} of {' '.join(str(name) for name in names)}: {there} there, {here} here"
    return f"{thing} {' '.join(str(name) for name in names)}: {_DEEDS.get(deed, deed)}"


def _append_only(connection: Connection) -> bool:
    where = "sqlite_master WHERE name" if connection.dialect.name == "sqlite" else "pg_trigger WHERE tgname"
    found = connection.execute(text(f"SELECT 1 FROM {where} = 'audit_is_append_only'"))  # noqa: S608
    return found.scalar() is not None


def _check_empty(connection: Connection) -> None:
    from tiro.db.tables import Table

    if inspect(connection).has_table("alembic_version"):
        return
    if taken := sorted(set(inspect(connection).get_table_names()) & set(Table.metadata.tables)):
        raise DatabaseRefused(
            f"The database has a table named {taken[0]} that is another program's. Name an empty database in "
            "TIRO_DATABASE_URL."
        )


def _config(history: Path) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(history).replace("%", "%%"))
    return config
