"""Peak memory of the server and all its children above the idle server, for a short and a long recording."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.serving import ENDED, ServerProcess, server_process

from bench import recordings
from bench.report import Spread, say, table

_SHORT, _LONG = 180, 3 * 3600
_TICK = 0.03
_ALLOWED = 0.10
_REPEATS = 3
_PATIENCE = 600.0


@dataclass(frozen=True)
class _Peak:
    """Mebibytes: of the idle server, the peak above it, and the peaks of its parts, each at its own time."""

    idle: float
    above: float
    server: float
    engines: float
    decoders: float
    seconds: float


def run(suffix: str = ".m4a") -> None:
    kind = "PSS" if Path("/proc/self/smaps_rollup").exists() else "RSS"
    found: dict[int, list[_Peak]] = {}
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        for number, seconds in enumerate([_SHORT] * _REPEATS + [_LONG]):
            path = recordings.make(folder / f"speech{suffix}", seconds)
            found.setdefault(seconds, []).append(_measure(folder / f"data{number}", path))
            path.unlink()
    say(f"{kind} of the server's process tree, every {_TICK:g} s; a fresh server for each recording, whose")
    say("job starts decoder, speech detector and engine host (echo). MiB; the peak is above the idle server.")
    say()
    rows = []
    for seconds, peaks in found.items():
        parts = [[p.server for p in peaks], [p.engines for p in peaks], [p.decoders for p in peaks]]
        rows.append(
            [
                f"{seconds // 60} min {suffix[1:].upper()}",
                str(len(peaks)),
                f"{Spread([p.idle for p in peaks]).median:.0f}",
                *Spread([p.above for p in peaks]).columns(1),
                *(f"{Spread(part).median:.0f}" for part in parts),
                f"{Spread([p.seconds for p in peaks]).median:.1f}",
            ]
        )
    headings = [
        "recording",
        "runs",
        "idle",
        "peak above",
        "range",
        "server",
        "engines",
        "decoders",
        "seconds",
    ]
    table(headings, rows)
    short, long = (Spread([p.above for p in found[seconds]]).median for seconds in (_SHORT, _LONG))
    met = "met" if abs(long / short - 1) <= _ALLOWED else "MISSED"
    what = f"{suffix[1:].upper()}, 3 hours take {long / short:.3f} times what 3 minutes take"
    say(f"Target {met}: {what}, 0.9 to 1.1 wanted.")
    say()


def _measure(data: Path, recording: Path) -> _Peak:
    with server_process(data) as server:
        idle = _settled(server)
        started = time.monotonic()
        with recording.open("rb") as file:
            answer = server.client.post(
                "/api/v1/transcribe", files={"audio": (recording.name, file)}, data={"engine": "echo"}
            )
        assert answer.status_code == 202, answer.text
        peaks = dict.fromkeys(("all", "server", "engines", "decoders"), 0.0)
        looked = 0.0
        while True:
            for part, size in parts(server).items():
                peaks[part] = max(peaks[part], size)
            if time.monotonic() - looked >= 1.0:
                looked = time.monotonic()
                # The page of one, since a whole session would put its transcript into the server's memory.
                status = server.client.get("/api/v1/transcribe", params={"limit": 1}).json()["items"][0][
                    "status"
                ]
                if status in ENDED:
                    assert status == "completed", server.log()[-2000:]
                    return _Peak(
                        idle=idle,
                        above=peaks["all"] - idle,
                        server=peaks["server"],
                        engines=peaks["engines"],
                        decoders=peaks["decoders"],
                        seconds=time.monotonic() - started,
                    )
                assert time.monotonic() - started < _PATIENCE, "the job does not end"
            time.sleep(_TICK)


def _settled(server: ServerProcess) -> float:
    """The memory of the server when it does nothing: the same for half a second."""
    before = parts(server)["all"]
    for _ in range(20):
        time.sleep(0.5)
        now = parts(server)["all"]
        if abs(now - before) < 0.5:
            return now
        before = now
    return before


def parts(server: ServerProcess) -> dict[str, float]:
    parts = {"server": _pss(server.process.pid), "engines": 0.0, "decoders": 0.0}
    for child in server.children():
        with suppress(psutil.Error):
            part = "engines" if "tiro.engines.child" in child.cmdline() else "decoders"
            parts[part] += _pss(child.pid)
    return parts | {"all": sum(parts.values())}


def _pss(pid: int) -> float:
    """Mebibytes: its own memory and its part of what it shares, where the system tells them apart."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
