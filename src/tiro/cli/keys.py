"""`tiro keys`: who may use the API."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiro.actors import acting, command_line
from tiro.errors import InvalidRequest
from tiro.kit import clock
from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.db.tables import KeyTable
    from tiro.features.keys.service import KeyService

_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@contextmanager
def _keys() -> Iterator[KeyService]:
    from tiro.bootstrap.data import open_database
    from tiro.features.keys.service import KeyService
    from tiro.features.users.service import UserService

    database = open_database(Settings())
    try:
        with acting(command_line()):
            yield KeyService(database, UserService(database))
    finally:
        database.close()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as 'laptop'.")] = "key",
    user: Annotated[
        str | None, typer.Option(help="To whom it belongs; by default the machine's owner.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do: read, write, live or admin; may come again. By default all the user may."
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="Such as 12h, 30d or 1y; by default never.")
    ] = None,
) -> None:
    """Make a key. It is shown once, on standard output."""
    expires_at = None if expires is None else clock.now() + _duration(expires)
    with _keys() as keys:
        row, secret = keys.create(name, user, scopes=scope or None, expires_at=expires_at)
    typer.secho(f"Key {row.id} ({row.name}). This is the only time that it is shown:", err=True)
    typer.echo(secret)


def _duration(text: str) -> timedelta:
    """Raises InvalidRequest."""
    found = re.fullmatch(r"([1-9]\d{0,2})([hdwy])", text.strip())
    if found is None:
        raise InvalidRequest(
            "A time until expiry is a number up to 999 with h, d, w or y, such as 12h, 30d or 1y."
        )
    return int(found[1]) * _UNITS[found[2]]


def _state(row: KeyTable) -> str:
    if row.revoked_at:
        return f"revoked {row.revoked_at:%Y-%m-%d}"
    if row.expires_at is None:
        return "valid"
    word = "until" if row.expires_at > clock.now() else "expired"
    return f"{word} {row.expires_at:%Y-%m-%d}"


@app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    table = Table("name", "begins with", "scopes", "used", "state", box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    with _keys() as keys:
        for row in keys.list():
            used = f"{row.used_at:%Y-%m-%d}" if row.used_at else "never"
            table.add_row(row.name, f"{row.prefix}…", row.scopes, used, _state(row), row.id)
    # What is no terminal has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `tiro keys list` shows.")]) -> None:
    """Make a key worthless, at once and for good."""
    with _keys() as keys:
        keys.revoke(key_id)
    typer.secho(f"Key {key_id} is revoked.", err=True)
