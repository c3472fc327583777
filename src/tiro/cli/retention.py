"""`tiro retention`: what would be removed, before it is."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tiro.settings import Settings

app = typer.Typer(help="See what retention would remove.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def preview(
    media_days: Annotated[
        int | None, typer.Option(min=0, help="As if TIRO_RETENTION_MEDIA_DAYS were this.")
    ] = None,
    recording_days: Annotated[
        int | None, typer.Option(min=1, help="As if TIRO_RETENTION_RECORDING_DAYS were this.")
    ] = None,
) -> None:
    """Show what retention would remove now, and remove nothing."""
    from tiro.bootstrap.data import open_database
    from tiro.bootstrap.server import build_retention_plan
    from tiro.features.retention.service import Policy

    settings = Settings()
    database = open_database(settings)
    try:
        plan = build_retention_plan(settings, database)
        said = plan.limits
        supposed = Policy(
            said.media_days if media_days is None else media_days,
            said.recording_days if recording_days is None else recording_days,
        )
        found = plan.due(supposed=supposed)
    finally:
        database.close()
    table = Table("what", "bytes", "made", "kept for", box=None, header_style="bold")
    table.add_column("id", no_wrap=True)
    for due in found:
        made, kept = f"{due.created_at:%Y-%m-%d %H:%M}", f"{due.days} days"
        table.add_row(due.part, f"{due.size}", made, kept, due.recording_id)
    # What is no terminal has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    size = sum(due.size for due in found)
    typer.secho(f"{len(found)} would be removed, {size / 1e6:.1f} MB.", err=True)
