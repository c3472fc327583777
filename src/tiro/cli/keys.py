"""`tiro keys`: who may use the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.features.keys.service import KeyService

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@contextmanager
def _keys() -> Iterator[KeyService]:
    from tiro.bootstrap.server import open_database
    from tiro.features.keys.service import KeyService
    from tiro.features.users.service import UserService

    database = open_database(Settings())
    try:
        yield KeyService(database, UserService(database))
    finally:
        database.close()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as 'laptop'.")] = "key",
    user: Annotated[
        str | None, typer.Option(help="To whom it belongs; by default the machine's owner.")
    ] = None,
) -> None:
    """Make a key. It is shown once, on standard output."""
    with _keys() as keys:
        row, secret = keys.create(name, user)
    typer.secho(f"Key {row.id} ({row.name}). This is the only time that it is shown:", err=True)
    typer.echo(secret)


@app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    table = Table("name", "begins with", "made", "state", box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    with _keys() as keys:
        for row in keys.list():
            state = f"revoked {row.revoked_at:%Y-%m-%d}" if row.revoked_at else "valid"
            table.add_row(row.name, f"{row.prefix}…", f"{row.created_at:%Y-%m-%d %H:%M}", state, row.id)
    Console().print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `tiro keys list` shows.")]) -> None:
    """Make a key worthless, at once and for good."""
    with _keys() as keys:
        keys.revoke(key_id)
    typer.secho(f"Key {key_id} is revoked.", err=True)
