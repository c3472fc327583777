"""A stranger's engine for tests: the echo engine, which writes down each thing that it is asked for.

``counting:PACE`` works on one window at a time, PACE seconds a second of audio. ``counting:load=SECONDS``
takes that long to load. ``counting:fragile`` dies of loud audio. Tests make it known with ``installed``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from tiro.engines import registry
from tiro.engines.base import Availability, Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.echo import EchoEngine
from tiro.speech.types import Segment

_LOG = "COUNTING_ENGINE_LOG"
LOUD = 0.99


@contextmanager
def installed(folder: Path) -> Iterator[Path]:
    """Make the engine known here and to processes started in the block; gives the file it writes to."""
    import pytest  # here, because the engine's process has no use for it

    info = folder / "counting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tiro.engines]\ncounting = tests.countingengine:PROVIDER\n")
    log = folder / "asked.txt"
    log.touch()
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(folder), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.setenv(_LOG, str(log))
        patch.syspath_prepend(str(folder))
        registry.discover.cache_clear()
        yield log
    registry.discover.cache_clear()


def asked(log: Path, what: str = "transcribe") -> int:
    """How often the engine was asked to ``load`` or to ``transcribe``."""
    return log.read_text().splitlines().count(what)


def _note(line: str) -> None:
    with open(os.environ[_LOG], "a", encoding="utf-8") as file:
        file.write(line + "\n")


class CountingEngine:
    """One window at a time."""

    def __init__(self, pace: float, *, fragile: bool) -> None:
        self._echo = EchoEngine(pace)
        self._fragile = fragile

    @property
    def capabilities(self) -> Capabilities:
        return replace(self._echo.capabilities, model="counting 1", max_window=10.0, parallel=1)

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        _note("transcribe")
        if self._fragile and float(np.max(np.abs(request.audio))) > LOUD:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._echo.transcribe(request)


class CountingProvider:
    """Always there."""

    name = "counting"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        return Availability(True, "Counts what it is asked.")

    def load(self, model: str | None, options: EngineOptions) -> CountingEngine:
        _note("load")
        kind, _, value = (model or "0").partition("=")
        if kind == "load":
            time.sleep(float(value))
        pace = 0.0 if kind in {"load", "fragile"} else float(kind)
        return CountingEngine(pace, fragile=kind == "fragile")


PROVIDER = CountingProvider()
