"""`tiro users`: to whom keys and recordings belong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiro.actors import acting, command_line
from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.features.users.service import UserService

app = typer.Typer(help="Add and list users; each sees only their own recordings.", no_args_is_help=True)


@contextmanager
def _users() -> Iterator[UserService]:
    from tiro.bootstrap.data import open_database
    from tiro.features.users.service import UserService

    database = open_database(Settings())
    try:
        with acting(command_line()):
            yield UserService(database)
    finally:
        database.close()


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name that nobody has yet.")],
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an admin.")] = False,
) -> None:
    """Add a user. `tiro keys create --user NAME` then makes their key."""
    from tiro.features.users.service import Role

    with _users() as users:
        user = users.create(name, Role.ADMIN if admin else Role.USER)
    typer.secho(f"User {user.name} ({user.role}) is added.", err=True)


@app.command()
def password(name: Annotated[str, typer.Argument(help="Whose; the machine's own is `owner`.")]) -> None:
    """Set a user's password; their logins end. Asked for on a terminal, else one line of standard input."""
    from tiro.bootstrap.data import open_database
    from tiro.bootstrap.server import build_accounts

    if sys.stdin.isatty():
        new = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        new = sys.stdin.readline().rstrip("\r\n")
    settings = Settings()
    database = open_database(settings)
    try:
        with acting(command_line()):
            build_accounts(settings, database).set_password(name, new)
    finally:
        database.close()
    typer.secho(f"The password of {name} is set.", err=True)


@app.command("reset-second-factor")
def reset_second_factor(
    name: Annotated[str, typer.Argument(help="Whose; the machine's own is `owner`.")],
) -> None:
    """For somebody who lost their phone: the password alone logs in again. Their logins end."""
    from tiro.bootstrap.data import open_database
    from tiro.bootstrap.server import build_accounts

    settings = Settings()
    database = open_database(settings)
    try:
        with acting(command_line()):
            build_accounts(settings, database).reset_factor_of(name)
    finally:
        database.close()
    typer.secho(f"{name} logs in with the password alone.", err=True)


@app.command("list")
def list_users() -> None:
    """List the users."""
    table = Table("name", "role", "made", box=None, header_style="bold")
    with _users() as users:
        for user in users.list():
            table.add_row(user.name, user.role, f"{user.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)
