"""`tiro vocabulary`: the words that a server expects in a user's recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tiro.actors import acting, command_line
from tiro.cli.sources import text_of
from tiro.settings import Settings
from tiro.speech.options import Defaults, terms

if TYPE_CHECKING:
    from tiro.features.defaults.service import DefaultsService

app = typer.Typer(
    help="Names and terms that the server expects in all recordings of a user. For `tiro transcribe` on this "
    "machine there is TIRO_TRANSCRIPTION_VOCABULARY.",
    no_args_is_help=True,
)
_User = Annotated[str | None, typer.Option("--user", help="Whose; by default the machine's owner's.")]
_Terms = Annotated[list[str], typer.Argument(help="Terms, or several with commas; @FILE reads them.")]


@contextmanager
def _of(name: str | None) -> Iterator[tuple[DefaultsService, str]]:
    """The defaults, and the user's id."""
    from tiro.bootstrap.data import open_database
    from tiro.features.defaults.service import DefaultsService
    from tiro.features.users.service import UserService

    database = open_database(Settings())
    try:
        with acting(command_line()):
            users = UserService(database)
            with database.write() as session:
                user = users.named(session, name) if name else users.owner(session)
            yield DefaultsService(database), user.id
    finally:
        database.close()


@app.command("list")
def list_terms(user: _User = None) -> None:
    """List the terms, one a line, the most important first."""
    with _of(user) as (defaults, user_id):
        said = defaults.get(user_id)
    for term in said.vocabulary:
        typer.echo(term)


@app.command()
def add(words: _Terms, user: _User = None) -> None:
    """Add terms behind those that are there. They hold for recordings that come from now on."""
    with _of(user) as (defaults, user_id):
        _tell(defaults.add_terms(user_id, terms(map(text_of, words))))


@app.command()
def remove(words: _Terms, user: _User = None) -> None:
    """Remove terms."""
    with _of(user) as (defaults, user_id):
        _tell(defaults.remove_terms(user_id, terms(map(text_of, words))))


def _tell(said: Defaults) -> None:
    count = len(said.vocabulary)
    typer.secho(f"The vocabulary has {count} {'term' if count == 1 else 'terms'}.", err=True)
