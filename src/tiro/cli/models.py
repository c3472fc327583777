"""`tiro models`: which Whisper models there are, getting them and removing them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tiro.errors import ModelUnavailable, NotFound
from tiro.settings import Settings

app = typer.Typer(help="List, fetch, find and remove Whisper models.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="A name that `tiro models list` shows.")]


@app.command("list")
def list_models() -> None:
    """List the known models, and which are on this machine."""
    from tiro.engines import catalogue

    present = {model.name: model for model in catalogue.present(Settings().models_folder)}
    table = Table("model", "download", "languages", "speed", "here", box=None, header_style="bold")
    for model in catalogue.MODELS.values():
        here = present.pop(model.name, None)
        languages = "English" if model.english_only else "99 languages"
        table.add_row(
            model.name,
            f"{model.megabytes} MB",
            languages,
            model.speed,
            f"yes ({here.source})" if here else "no",
        )
    for own in present.values():
        table.add_row(own.name, "", "", "", f"yes ({own.source})")
    Console().print(table)


@app.command()
def pull(model: Model = "small") -> None:
    """Fetch a model, with a progress bar; a download that was cut off goes on where it stopped."""
    from tiro.engines import download

    settings = Settings()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(model, total=None)
        path = download.pull(
            model,
            settings.models_folder,
            lambda done, total: progress.update(task, completed=done, total=total or None),
            hubs=settings.engine.hub_addresses,
        )
    typer.echo(path)


@app.command()
def path(model: Model = "small") -> None:
    """Print the folder of a model that is on this machine."""
    from tiro.engines import catalogue

    models = Settings().models_folder
    found = catalogue.find(model, models)
    if found is None:
        raise ModelUnavailable(catalogue.how_to_get(model, models))
    typer.echo(found)


@app.command()
def remove(model: Model) -> None:
    """Delete a model from the models' folder, and say how much that freed. Asks nothing.

    What lies in the cache that other programs share is left alone.
    """
    from tiro.engines import catalogue

    name, models = catalogue.canonical(model), Settings().models_folder
    is_link = not catalogue.is_path(name) and (models / name).is_symlink()
    size = 0 if catalogue.is_path(name) else _bytes_in(models / name)
    if not catalogue.remove(name, models):
        shared = catalogue.find(name, models)
        raise NotFound(
            f"'{name}' is not in {models}, but in the cache that other programs share: {shared}. "
            "It was left there; delete that folder to free its space."
            if shared
            else f"There is no model '{name}' in {models}. `tiro models list` shows what is there."
        )
    if is_link:
        typer.echo(f"removed the link {name} from {models}; the folder that it pointed to is left")
    else:
        typer.echo(f"removed {name} from {models}, {size / 1e6:.1f} MB freed")


def _bytes_in(folder: Path) -> int:
    """What deleting ``folder`` gives back; a link to a folder elsewhere holds nothing itself."""
    if folder.is_symlink():
        return 0
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
