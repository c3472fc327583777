"""`tiro db`: the schema of the database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.db.session import Database

app = typer.Typer(help="See and upgrade the database's schema.", no_args_is_help=True)


@contextmanager
def _database() -> Iterator[Database]:
    from tiro.bootstrap.data import connect

    database = connect(Settings())
    try:
        yield database
    finally:
        database.close()


@app.command()
def upgrade() -> None:
    """Bring the database to the schema of this release. Several at once do no harm: one does it, the others
    wait. Servers of the release before may go on meanwhile."""
    from tiro.db import migrate

    with _database() as database:
        before, after = migrate.upgrade(database)
    if before == after:
        print(f"tiro: the schema is {after} already", file=sys.stderr)
    else:
        print(f"tiro: upgraded the schema from {before or 'nothing'} to {after}", file=sys.stderr)


@app.command()
def current() -> None:
    """Show which schema the database has. The exit code is 1 where it is not this release's."""
    from tiro.db import migrate

    with _database() as database:
        found = migrate.revision(database)
        newer = migrate.is_newer(database, found)
    print(found or "none")
    if found == migrate.SCHEMA:
        return
    hint = "this release works with it" if newer else "`tiro db upgrade` brings the database there"
    print(f"tiro: this release's schema is {migrate.SCHEMA}; {hint}", file=sys.stderr)
    raise typer.Exit(1)


@app.command()
def check() -> None:
    """Compare the database with what this release expects, table by table. The exit code is 1 where they
    differ."""
    from tiro.db import migrate

    with _database() as database:
        found = migrate.differences(database)
    for line in found:
        print(line)
    if found:
        print("tiro: the database is not as this release expects; see above", file=sys.stderr)
        raise typer.Exit(1)
    print("tiro: the database is as this release expects", file=sys.stderr)
