"""`tiro`: the commands, and how errors end."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

import tiro
from tiro.cli import (
    api,
    backup,
    beat,
    db,
    doctor,
    keys,
    models,
    retention,
    serve,
    transcribe,
    users,
    vocabulary,
    webhooks,
    worker,
)
from tiro.errors import TiroError
from tiro.kit import memory

_EPILOG = (
    "Exit codes: 0 done, 1 internal error, 2 wrong request, 3 the recording cannot be used, 4 engine or "
    "model failed, 5 key not accepted, 6 disk, database or address not available, 130 stopped by Ctrl-C."
)

app = typer.Typer(
    name="tiro",
    help="Speech to text on your own machine: recordings and calls become transcripts.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("transcribe")(transcribe.transcribe)
app.command("serve")(serve.serve)
app.command("api")(api.api)
app.command("worker")(worker.worker)
app.command("beat")(beat.beat)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(retention.app, name="retention")
app.add_typer(db.app, name="db")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tiro {tiro.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `tiro` command: errors become one sentence and an exit code, never a traceback."""
    memory.keep_together()
    try:
        app()
    except TiroError as error:
        typer.secho(f"tiro: {error.message}", err=True, fg="red")
        sys.exit(error.exit_code)
    except ValidationError as error:
        for item in error.errors():
            name = "TIRO_" + "_".join(str(part).upper() for part in item["loc"])
            typer.secho(f"tiro: the setting {name} is not valid: {item['msg']}", err=True, fg="red")
        sys.exit(2)
    except (KeyboardInterrupt, ImportError) as error:
        # A Ctrl-C that meets a C++ library while it is being loaded comes out as the library's failure.
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        typer.secho("tiro: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output is gone (`tiro … | head`): nothing more to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
