"""`tiro webhooks`: who is told what happens to a user's recordings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiro.actors import acting, command_line
from tiro.settings import Settings

if TYPE_CHECKING:
    from tiro.db.tables import WebhookTable
    from tiro.features.webhooks.sender import Sender
    from tiro.features.webhooks.service import WebhookService

_UNREACHED = 4
app = typer.Typer(help="Add, list, test and remove webhooks.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(help="Whose; by default the machine's owner's.")]
WebhookId = Annotated[str, typer.Argument(help="The id that `tiro webhooks list` shows.")]


@dataclass(frozen=True, slots=True)
class _Parts:
    webhooks: WebhookService
    sender: Sender
    user_id: str


@contextmanager
def _parts(user: str | None) -> Iterator[_Parts]:
    from tiro.bootstrap.data import open_database
    from tiro.bootstrap.server import build_webhooks
    from tiro.egress.dns import SystemResolver
    from tiro.features.users.service import UserService

    settings = Settings()
    database, resolver = open_database(settings), SystemResolver()
    try:
        users = UserService(database)
        with acting(command_line()):
            with database.write() as session:
                user_id = (users.owner(session) if user is None else users.named(session, user)).id
            yield _Parts(*build_webhooks(settings, database, resolver), user_id)
    finally:
        resolver.close()
        database.close()


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="What is called, such as https://example.com/tiro.")],
    name: Annotated[str, typer.Option(help="For people.")] = "webhook",
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is told of, such as transcription.completed; may come again. By default all."
        ),
    ] = None,
    user: User = None,
) -> None:
    """Have an address called. Its secret, which verifies signatures, is shown once, on standard output."""
    from tiro.features.webhooks.service import WebhookWish, parsed

    with _parts(user) as parts:
        events = None if event is None else parsed(event)
        asyncio.run(parts.sender.check(url))
        row = parts.webhooks.add(parts.user_id, WebhookWish(url=url, name=name, events=events))
    typer.secho(f"Webhook {row.id} ({row.name}). This is the only time that its secret is shown:", err=True)
    typer.echo(row.secret)


@app.command("list")
def list_webhooks(user: User = None) -> None:
    """List the webhooks of a user."""
    table = Table("name", "address", "events", "state", "waiting", box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    with _parts(user) as parts:
        rows = parts.webhooks.list(parts.user_id)
        waiting = parts.webhooks.waiting(rows)
    for row in rows:
        table.add_row(row.name, row.url, row.events, _state(row), str(waiting.get(row.id, 0)), row.id)
    # What is no terminal has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 250).print(table)


def _state(row: WebhookTable) -> str:
    if row.disabled_at is not None:
        return f"off ({row.disabled_for})" if row.disabled_for else "off"
    return "on" if row.failing_since is None else f"failing since {row.failing_since:%Y-%m-%d %H:%M}"


@app.command()
def remove(webhook_id: WebhookId, user: User = None) -> None:
    """Remove a webhook, and what waits for it."""
    with _parts(user) as parts:
        parts.webhooks.remove(webhook_id, parts.user_id)
    typer.secho(f"Webhook {webhook_id} is removed.", err=True)


@app.command("test")
def send_test(webhook_id: WebhookId, user: User = None) -> None:
    """Send a test message, and show what came of it."""
    with _parts(user) as parts:
        row = asyncio.run(parts.sender.send(parts.webhooks.begin_test(webhook_id, parts.user_id)))
    assert row is not None
    last = row.tries[-1]
    typer.echo(f"{row.state}: {last['status'] or last['error']} after {last['seconds']} s")
    if last["excerpt"]:
        typer.echo(last["excerpt"])
    if row.state != "delivered":
        raise typer.Exit(_UNREACHED)
