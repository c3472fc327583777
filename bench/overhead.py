"""What a 10 s clip costs beyond the engine's own time, sent over HTTP to a warm server and waited for."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from tests.serving import ServerProcess, server_process

from bench import recordings
from bench.report import Spread, say, table, target
from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec
from tiro.media.decode import DecoderPool
from tiro.media.types import SpeechWindow, WindowSizes
from tiro.speech.types import Audio

_ROUNDS = 30
_PAUSE = 0.8
_LIMIT = 150.0
_ECHO = EngineSpec("echo", None)
_STEPS = (
    ("upload, look inside, keep on disk", "state queued"),
    ("claim", "state running"),
    ("open in the decoder", "media"),
    ("ask for the engine, enter the stage", "stage transcribe"),
    ("decode, find speech, engine, record", "state completed"),
)


@dataclass
class _Runs:
    """Repeated submissions of one clip; all in milliseconds."""

    clip: Path
    pause: float
    windows: list[Audio]
    totals: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=dict)

    @property
    def beyond(self) -> Spread:
        own = statistics.median(self.engine)
        return Spread([total - own for total in self.totals])


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        wav = recordings.make(folder / "mono.wav", 10)
        call = recordings.make(folder / "call.m4a", 10, channels=2)
        runs = {
            "WAV, one channel": _Runs(wav, _PAUSE, _windows(wav)),
            "M4A, two channels": _Runs(call, _PAUSE, _windows(call)),
            "WAV, no pause between": _Runs(wav, 0.0, _windows(wav)),
        }
        options = EngineOptions(models=folder)
        with server_process(folder / "data") as server, EngineHosts(options) as hosts:
            for each in runs.values():
                _submit(server, each)
                _engine_alone(hosts, each)
                each.totals.clear()
                each.engine.clear()
                each.cpu.clear()
                each.steps.clear()
            for _ in range(_ROUNDS):
                for each in runs.values():
                    time.sleep(each.pause)
                    _submit(server, each)
                    _engine_alone(hosts, each)
    _print(runs)


def _print(runs: dict[str, _Runs]) -> None:
    say(f"10 s of speech, engine echo, {_ROUNDS} rounds interleaved, {_PAUSE:g} s pause before each but the")
    say("last; milliseconds, median and range. The engine's own time is that of the same windows sent to a")
    say("warm engine host. CPU is what the server's own process spent meanwhile, without its children.")
    say()
    rows = []
    for name, each in runs.items():
        own = f"{Spread(each.engine).median:.1f}"
        cpu = f"{Spread(each.cpu).median:.0f}"
        rows.append([name, *Spread(each.totals).columns(), own, *each.beyond.columns(), cpu])
    table(["clip", "whole", "range", "engine", "overhead", "range", "CPU"], rows)
    first = next(iter(runs.values()))
    shares = [[step, *Spread(times).columns(1)] for step, times in first.steps.items()]
    table(["where it goes (first clip)", "ms", "range"], shares)
    for name, each in runs.items():
        if each.pause:
            target(f"overhead, {name}:", each.beyond.median, _LIMIT, "ms")


def _submit(server: ServerProcess, runs: _Runs) -> None:
    data = runs.clip.read_bytes()
    spent = _cpu(server)
    sent_at, started = time.time(), time.perf_counter()
    answer = server.client.send_file(runs.clip.name, data, wait=60)
    elapsed = time.perf_counter() - started
    assert answer.status_code == 200, answer.text
    assert answer.json()["transcript"]["segments"], "nothing was transcribed"
    runs.cpu.append(1000 * (_cpu(server) - spent))
    runs.totals.append(1000 * elapsed)
    moments = _moments(server.data / "tiro.db", answer.json()["session_id"])
    before = sent_at
    for step, moment in _STEPS:
        runs.steps.setdefault(step, []).append(1000 * (moments[moment] - before))
        before = moments[moment]
    runs.steps.setdefault("answer", []).append(1000 * (sent_at + elapsed - before))


def _cpu(server: ServerProcess) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


def _moments(database: Path, session_id: str) -> dict[str, float]:
    """When each thing happened, from the log of events, as seconds of the epoch."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT type, coalesce(json_extract(data, '$.status'), json_extract(data, '$.stage')), created_at"
            " FROM events WHERE recording_id = ? ORDER BY seq",
            (session_id,),
        ).fetchall()
    return {
        f"{kind} {what}" if what else kind: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
        for kind, what, at in rows
    }


def _windows(path: Path) -> list[Audio]:
    """The windows that the pipeline makes of a recording."""
    with EngineHosts(EngineOptions(models=path.parent)) as hosts:
        capabilities = hosts.capabilities(_ECHO)
    sizes = WindowSizes(capabilities.max_window, capabilities.join_gap, capabilities.longest_pause)
    with DecoderPool(spares=0) as pool, pool.listen(path, "auto", sizes) as heard:
        return [one.audio for one in heard if isinstance(one, SpeechWindow)]


def _engine_alone(hosts: EngineHosts, runs: _Runs) -> None:
    started = time.perf_counter()
    for audio in runs.windows:
        hosts.transcribe(_ECHO, TranscribeRequest(audio))
    runs.engine.append(1000 * (time.perf_counter() - started))
