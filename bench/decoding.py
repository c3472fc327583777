"""How fast recordings are decoded and searched for speech, as seconds of audio per second (RTFx)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import recordings
from bench.report import Spread, say, table
from tiro.media.decode import DecoderPool
from tiro.media.types import SpeechWindow, WindowSizes
from tiro.media.vad import SpeechProbabilities
from tiro.speech.channels import mixdown

_SECONDS = 600
_ROUNDS = 3
_SIZES = WindowSizes(30.0, 1.0)


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name, DecoderPool(spares=1) as pool:
        folder = Path(name)
        pool.warm(30)
        files = [
            recordings.make(folder / f"one{end}", _SECONDS)
            for end in (".wav", ".flac", ".mp3", ".m4a", ".ogg")
        ]
        call = recordings.make(folder / "two.m4a", _SECONDS, channels=2)
        work: dict[str, Callable[[], float]] = {
            f"decode {path.suffix[1:].upper()}": lambda path=path: _decode(pool, path)  # type: ignore[misc]
            for path in files
        }
        work["decode M4A, two channels"] = lambda: _decode(pool, call)
        work["find speech, one channel"] = _speech(pool, files[0])
        work["pipeline without engine, M4A"] = lambda: _prepare(pool, files[3])
        work["pipeline without engine, M4A, two channels"] = lambda: _prepare(pool, call)
        speeds: dict[str, list[float]] = {what: [] for what in work}
        for _ in range(_ROUNDS):
            for what, measure in work.items():
                speeds[what].append(_SECONDS / measure())
    say(f"{_SECONDS // 60} minutes of speech at 16 kHz, {_ROUNDS} rounds interleaved. Decoding and")
    say("finding speech take turns on one thread of the decoder's process.")
    say()
    rows = [[what, *Spread(values).columns()] for what, values in speeds.items()]
    table(["work", "RTFx", "range"], rows)


def _decode(pool: DecoderPool, path: Path) -> float:
    pool.warm(30)
    started = time.perf_counter()
    with pool.open(path, keep_stereo=True) as media:
        for _ in media:
            pass
    return time.perf_counter() - started


def _speech(pool: DecoderPool, path: Path) -> Callable[[], float]:
    with pool.open(path) as media:
        blocks = [mixdown(block) for block in media]

    def measure() -> float:
        detector = SpeechProbabilities()
        started = time.perf_counter()
        for block in blocks:
            detector.feed(block)
        detector.flush()
        return time.perf_counter() - started

    return measure


def _prepare(pool: DecoderPool, path: Path) -> float:
    """Everything up to the windows that an engine would get."""
    pool.warm(30)
    started = time.perf_counter()
    with pool.listen(path, "auto", _SIZES) as heard:
        windows = sum(1 for one in heard if isinstance(one, SpeechWindow))
    assert windows, "no speech was found"
    return time.perf_counter() - started
