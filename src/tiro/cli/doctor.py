"""`tiro doctor`: is everything as promised, what is here, what is missing and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import tiro
from tiro.settings import Settings

_MARKS = {True: Text("ok", style="green"), False: Text("!!", style="bold red")}
_PACKAGES = ("av", "ctranslate2", "faster-whisper", "onnxruntime", "pocketsphinx", "fastapi", "sqlalchemy")


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every recording in a bucket too; that may take hours.")
    ] = False,
) -> None:
    """Check what Tiro promises of its data, and show versions and engines.

    Of recordings in a bucket it looks whether they are there and as large as they should be; those on this
    machine it reads.

    The exit code is 1 where something is wrong.
    """
    settings = Settings()
    console = Console(soft_wrap=True)
    console.print(f"tiro {tiro.__version__}, Python {platform.python_version()}, {platform.platform()}")
    console.print(", ".join(f"{name} {version(name)}" for name in _PACKAGES), style="dim")
    _show_engines(console, settings)
    sound = show_data(console, settings, deep=deep)
    if not sound:
        raise typer.Exit(1)


def _show_engines(console: Console, settings: Settings) -> None:
    from tiro.bootstrap.speech import engine_options
    from tiro.engines.survey import survey

    table = Table("engine", "ready", "", box=None, header_style="bold")
    for name, entry in survey(engine_options(settings), settings.engine.model).items():
        table.add_row(name, "yes" if entry.ready else "no", entry.detail)
    console.print()
    console.print(table)


def show_data(console: Console, settings: Settings, *, deep: bool = False) -> bool:
    """Check the data and say what was found; whether all is well."""
    from tiro.bootstrap.data import inspect_data

    console.print(f"\ndata: {settings.data}")
    if settings.storage.url:
        console.print(f"recordings: {settings.storage.url}")
    if not settings.data.exists() and settings.database.url is None:
        console.print("Nothing there yet; the first `tiro serve` makes it.")
        return True
    folder = next(path for path in (settings.data, *settings.data.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    roomy = free > int(settings.storage.reserve)
    table = Table(box=None, show_header=False)
    table.add_row(_MARKS[roomy], f"{free / 1e9:.1f} GB free")
    findings = inspect_data(settings, deep=deep)
    if not findings:
        table.add_row(_MARKS[True], "no recordings yet; the first `tiro serve` makes the database")
    for finding in findings:
        table.add_row(_MARKS[not finding.faults], finding.promise)
        for fault in finding.faults[:10]:
            table.add_row("", Text(fault, style="red"))
        if len(finding.faults) > 10:
            table.add_row("", f"and {len(finding.faults) - 10} more")
    console.print(table)
    sound = roomy and not any(finding.faults for finding in findings)
    if not sound:
        print("tiro: something is wrong; see above", file=sys.stderr)
    return sound
