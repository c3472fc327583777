"""`tiro backup` and `tiro restore`: everything in one file, and back, into whichever database is set."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tiro.actors import acting, command_line
from tiro.errors import CannotWrite, InvalidRequest, NotFound
from tiro.kit import clock
from tiro.settings import Settings

if TYPE_CHECKING:
    from collections import Counter

    from tiro.features.backup.manifest import Head
    from tiro.features.backup.restoring import RestoreService

_PLAIN_SECONDS = 5.0
_STANDARD = "-"
_WORD = "replace"


def backup(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER|-", help="Where to; in a folder the name has the time in it, - is a pipe."
        ),
    ],
    without_media: Annotated[
        bool,
        typer.Option("--without-media", help="Leave the recordings' files where they are, and list them."),
    ] = False,
    without_secret: Annotated[
        bool,
        typer.Option(
            "--without-secret",
            help="Leave out the server's secret and the owner's key; second factors need that secret.",
        ),
    ] = False,
) -> None:
    """Write all data into one file: every row, as it was at one moment, and the recordings' files.

    A server may run meanwhile. The file has secrets in it, and only you can read it; to seal it, pipe it
    through a tool of your choice: `tiro backup - | age -r … > tiro.tar.age`. Models are not in it.
    """
    from tiro.bootstrap.backup import backing_up

    settings = Settings()
    _stop_in_order()
    with acting(command_line()), backing_up(settings) as service, ExitStack() as stack:
        if target == _STANDARD:
            name, out = "standard output", _standard_output()
        else:
            path = _target(Path(target))
            name, out = str(path), stack.enter_context(_beside(path))
        with _shown() as report:
            made = service.make(out, media=not without_media, secret=not without_secret, report=report)
        out.flush()
    _tell(f"{name}: {_contents(made.head, made.files)}, {made.size / 1e6:.1f} MB.")
    _tell_absent(made.absent)
    if made.head.secrets == "carried":
        _tell("The server's secret is in it: keep the file as you would keep a password.")
    elif made.head.secrets == "set elsewhere":
        _tell("TIRO_AUTH_SECRET is not in it; where this is restored, second factors need the same one.")
    if made.absent["lost"]:
        raise typer.Exit(1)


def restore(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A file that `tiro backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of the data that is there; asks first.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only read it through, and say whether it is whole.")
    ] = False,
) -> None:
    """Bring a backup back, into an empty data folder or an empty database of either kind.

    All of it comes back or nothing does. Jobs that ran wait again. Servers and workers must be stopped.
    """
    settings = Settings()
    _stop_in_order()
    with _opened(source) as archive:
        if verify:
            _verify(archive, source)
            return
        _restore(settings, archive, source, replace=replace)
    from tiro.cli.doctor import show_data

    if not show_data(Console(soft_wrap=True, stderr=True), settings):
        raise typer.Exit(1)
    shared = settings.database.url is not None
    _tell(
        "Start `tiro api`, `tiro worker` and `tiro beat` again." if shared else "Start it with `tiro serve`."
    )


def _restore(settings: Settings, archive: BinaryIO, source: str, *, replace: bool) -> None:
    from tiro.bootstrap.backup import restoring

    with acting(command_line()), restoring(settings) as service:
        if replace:
            _confirm(service, source)
        with _shown() as report:
            restored = service.restore(archive, replace=replace, report=report)
    _tell(f"Restored: {_contents(restored.head, restored.files)}.")
    if restored.jobs:
        _tell(f"{restored.jobs} jobs that ran when the backup was made wait again.")
    _tell_absent(restored.absent)
    if restored.other_secret:
        _warn(
            "The secret of this server is not that of the backup: second factors and kept answers do not "
            "work until TIRO_AUTH_SECRET is what it was there."
        )


def _verify(archive: BinaryIO, source: str) -> None:
    from tiro.features.backup.restoring import verify

    with _shown() as report:
        found = verify(archive, report)
    head = found.head
    _tell(
        f"{source} is whole: made {head.created_at:%Y-%m-%d %H:%M} UTC by Tiro {head.release} of "
        f"{head.database}, schema {head.schema_revision}; {_contents(head, found.files)}."
    )
    _tell_absent(found.absent)


def _confirm(service: RestoreService, source: str) -> None:
    there = service.presence()
    if there is None:
        return
    if source == _STANDARD:
        raise InvalidRequest("--replace asks before it does so, and cannot where the backup comes by a pipe.")
    users, recordings = there
    typer.secho(f"{users} users and {recordings} recordings are there and will be gone.", err=True, fg="red")
    if typer.prompt(f"Type {_WORD!r} to go on", err=True, default="", show_default=False) != _WORD:
        raise InvalidRequest("Nothing was changed.")


def _target(path: Path) -> Path:
    """Raises CannotWrite where something else than a backup is in the way."""
    if path.is_dir():
        path /= f"tiro-{clock.now():%Y-%m-%d-%H%M%S}.tar"
    with suppress(FileNotFoundError), path.open("rb") as file:
        if (start := file.read(16)) and not start.startswith(b"tiro-backup.json"):
            raise CannotWrite(f"{path} is there and is no backup; choose another name.")
    return path


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name once it is whole, and is gone where it never is."""
    new = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as err:
        raise CannotWrite(f"{path} cannot be written: {err.strerror}.") from err


def _standard_output() -> BinaryIO:
    if sys.stdout.isatty():
        raise InvalidRequest("A backup is no text for a terminal. Give the name of a file, or use a pipe.")
    return sys.stdout.buffer


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == _STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb", buffering=1 << 20)  # noqa: SIM115 (closed below)
    except OSError as err:
        raise NotFound(f"{source} cannot be read: {err.strerror}.") from err
    with file:
        yield file


def _stop_in_order() -> None:
    """Whoever stops us with SIGTERM, such as a scheduler, means the same as Ctrl-C."""
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)


class _Shown:
    """How far it is, on standard error: a bar on a terminal, lines now and then elsewhere."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}
        self._said = time.monotonic()
        self._began: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        began = self._began.setdefault(what, time.monotonic())
        text = f"{done:,} of {total:,}" if what == "rows" else f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
        if self._bar is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what)
            self._bar.update(
                self._tasks[what], completed=done, total=max(total, 1), description=f"{what}: {text}"
            )
            return
        now = time.monotonic()
        if now - self._said >= _PLAIN_SECONDS:
            self._said = now
            left = (now - began) * (total - done) / max(done, 1)
            print(f"{what}: {text}, {left:.0f} s left", file=sys.stderr, flush=True)


@contextmanager
def _shown() -> Iterator[_Shown]:
    if not sys.stderr.isatty():
        yield _Shown(None)
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Shown(bar)


def _contents(head: Head, files: int) -> str:
    count = {table.name: table.rows for table in head.tables}
    there = f"{count['users']} users, {count['recordings']} recordings, {head.rows} rows"
    return f"{there}, {files} files" if head.media == "carried" else f"{there}, without files"


def _tell_absent(absent: Counter[str]) -> None:
    if count := absent["removed"]:
        _tell(f"{count} files were removed while the backup was made.")
    if count := absent["elsewhere"]:
        _tell(f"{count} files are not in it; they stay where they were.")
    if count := absent["lost"]:
        _warn(f"{count} files were not where they should be; `tiro doctor` names them.")


def _tell(text: str) -> None:
    typer.secho(text, err=True)


def _warn(text: str) -> None:
    typer.secho(text, err=True, fg="yellow")
