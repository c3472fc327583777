"""Show how far a transcription is: a bar on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from tiro.cli.sources import Named
from tiro.errors import TiroError
from tiro.speech import types
from tiro.speech.clock import clock_time
from tiro.speech.types import Segment, Transcript

_PLAIN_SECONDS = 5.0
Live = Callable[[Segment], None] | None


class Reporter(Protocol):
    def sent(self, done: int, total: int) -> None: ...

    def fetched(self, done: int, total: int) -> None: ...

    def advance(self, progress: types.Progress) -> None: ...

    def rename(self, name: str) -> None: ...

    def done(self, transcript: Transcript) -> None: ...


@contextmanager
def reporter(name: str, *, live: Live) -> Iterator[Reporter]:
    """A reporter for one recording. ``live`` is called with each segment as it becomes final."""
    shown = "standard input" if name == "-" else Path(name).name
    if not sys.stderr.isatty():
        yield _Lines(shown, live)
        return
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _Position(),
        console=console,
        transient=True,
        redirect_stdout=True,
    ) as progress:
        yield _Bar(progress, shown, live)


def tell(source: Named, error: TiroError) -> None:
    """What one of several recordings failed of."""
    typer.secho(f"tiro: {source.name}: {error.message}", err=True, fg="red")


class _Position(ProgressColumn):
    """``1:05 of 3:20   12.3x   0:11 left``."""

    def render(self, task: Task) -> Text:
        elapsed = max(task.elapsed or 0.0, 1e-3)
        return Text(_state(task.completed, task.total, elapsed))


def _state(position: float, duration: float | None, elapsed: float) -> str:
    speed = position / elapsed
    parts = [f"{clock_time(position)} of {clock_time(duration)}" if duration else clock_time(position)]
    if position > 0:
        parts.append(f"{speed:.1f}x")
        if duration and duration > position:
            parts.append(f"{clock_time((duration - position) / speed + 0.5)} left")
    return "  ".join(parts)


class _Bar:
    def __init__(self, progress: Progress, name: str, live: Live) -> None:
        self._progress = progress
        self._live = live
        self._name = name
        self._task = progress.add_task(name, total=None)

    def sent(self, done: int, total: int) -> None:
        self._bytes("sending", done, total)

    def fetched(self, done: int, total: int) -> None:
        self._bytes("fetching the model", done, total)

    def _bytes(self, doing: str, done: int, total: int) -> None:
        text = f"{doing}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        self._progress.update(self._task, completed=done, total=total or None, description=text)

    def advance(self, progress: types.Progress) -> None:
        self._progress.update(
            self._task, completed=progress.position, total=progress.duration, description=self._name
        )
        if self._live is not None:
            for segment in progress.segments:
                self._live(segment)

    def rename(self, name: str) -> None:
        self._name = name

    def done(self, transcript: Transcript) -> None:
        console = self._progress.console
        console.print(Text(_closing(self._name, transcript), style="dim"))
        for notice in transcript.notices:
            console.print(Text(f"! {notice.message}", style="yellow"))


class _Lines:
    def __init__(self, name: str, live: Live) -> None:
        self._name = name
        self._live = live
        self._started = self._shown = time.monotonic()

    def sent(self, done: int, total: int) -> None:
        self._bytes("sending", done, total)

    def fetched(self, done: int, total: int) -> None:
        self._bytes("fetching the model", done, total)

    def _bytes(self, doing: str, done: int, total: int) -> None:
        if self._due():
            print(f"{doing}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr, flush=True)

    def advance(self, progress: types.Progress) -> None:
        if self._live is not None:
            for segment in progress.segments:
                self._live(segment)
        if self._due():
            state = _state(progress.position, progress.duration, self._shown - self._started)
            print(f"{self._name}: {state}", file=sys.stderr, flush=True)

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._shown < _PLAIN_SECONDS:
            return False
        self._shown = now
        return True

    def rename(self, name: str) -> None:
        self._name = name

    def done(self, transcript: Transcript) -> None:
        print(_closing(self._name, transcript), file=sys.stderr)
        for notice in transcript.notices:
            print(f"! {notice.message}", file=sys.stderr)


def _closing(name: str, transcript: Transcript) -> str:
    speed = transcript.duration / max(transcript.processing_time, 1e-3)
    return (
        f"{name}: {clock_time(transcript.duration)} in {transcript.processing_time:.1f} s "
        f"({speed:.1f}x) with {transcript.engine}"
    )
