"""A stranger's engine for tests: the echo engine, which writes down each thing that it is asked for.

``counting:PACE`` works on one window at a time, PACE seconds a second of audio. ``counting:load=SECONDS``
takes that long to load. ``counting:fragile`` dies of loud audio. ``counting:repeat`` can do all that an
engine may, and answers with what it was asked. Tests make it known with ``installed``.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import signal
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines import registry
from tiro.engines.base import DECODING, Availability, Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.echo import EchoEngine
from tiro.speech.types import SAMPLE_RATE, Segment

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


def _one_word(value: dict[str, Any]) -> str:
    """``value`` as text in which no rule of the guard finds anything."""
    return base64.b32encode(zlib.compress(json.dumps(value).encode(), 9)).decode().rstrip("=")


def repeated(text: str) -> dict[str, Any]:
    """What the engine was asked, from the text that it made of it."""
    word = text.split(maxsplit=1)[0]
    padded = word + "=" * (-len(word) % 8)
    value: dict[str, Any] = json.loads(zlib.decompress(base64.b32decode(padded)))
    return value


class RepeatingEngine:
    """Its text is the request; said again and again at the end of the window, as a loop would be."""

    capabilities = Capabilities(
        "repeating 1",
        detects_language=True,
        translates=True,
        join_gap=15.0,
        longest_pause=0.5,
        heeds=DECODING,
    )

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        decoding = dataclasses.asdict(request.decoding)
        said = {"language": request.language, "task": request.task, **decoding}
        length = len(request.audio) / SAMPLE_RATE
        yield Segment(0.0, length - 1, _one_word(said), language=request.language or "xx")
        yield Segment(length - 1, length, " ".join(["again"] * 30))


class CountingProvider:
    """Always there."""

    name = "counting"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        return Availability(True, "Counts what it is asked.")

    def load(self, model: str | None, options: EngineOptions) -> CountingEngine | RepeatingEngine:
        _note("load")
        if model == "repeat":
            return RepeatingEngine()
        kind, _, value = (model or "0").partition("=")
        if kind == "load":
            time.sleep(float(value))
        pace = 0.0 if kind in {"load", "fragile"} else float(kind)
        return CountingEngine(pace, fragile=kind == "fragile")


PROVIDER = CountingProvider()
