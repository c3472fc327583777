"""How long it takes until something is there: the version, a short transcript, a server that answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench import recordings
from bench.report import Spread, say, table, target

_ROUNDS = 5
_LIMIT = 3.0
_TIRO = [sys.executable, "-m", "tiro.cli.main"]


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        clip = recordings.make(folder / "clip.wav", 5)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TIRO_")}
        environment |= {"TIRO_DATA": str(folder / "data"), "TIRO_ENGINE_DOWNLOAD": "false"}
        work: dict[str, Callable[[], float]] = {
            "tiro --version": lambda: _command(environment, "--version"),
            "tiro transcribe, 5 s clip, echo": lambda: _command(
                environment, "transcribe", str(clip), "--engine", "echo"
            ),
            "tiro serve until /live answers": lambda: _serve(environment),
            "tiro serve --demo until /live answers": lambda: _serve(environment, "--demo"),
        }
        times: dict[str, list[float]] = {what: [] for what in work}
        _serve(environment)  # the first start makes the database and the key
        for _ in range(_ROUNDS):
            for what, measure in work.items():
                times[what].append(measure())
    say(f"Seconds from starting the command, {_ROUNDS} rounds interleaved; the data folder is there already,")
    say("as at every start but the first. `make run` is `tiro serve --demo` once everything is installed.")
    say()
    table(
        ["command", "seconds", "range"],
        [[what, *Spread(values).columns(2)] for what, values in times.items()],
    )
    served = Spread(times["tiro serve --demo until /live answers"]).median
    target("the second `make run` answers after", served, _LIMIT, "s", 2)


def _command(environment: dict[str, str], *arguments: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [*_TIRO, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    elapsed = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    return elapsed


def _serve(environment: dict[str, str], *arguments: str) -> float:
    port = _free_port()
    command = [*_TIRO, "serve", "--port", str(port), *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < 60:
            assert process.poll() is None, "the server ended"
            try:
                if httpx.get(f"http://127.0.0.1:{port}/live", timeout=5, trust_env=False).status_code == 200:
                    return time.perf_counter() - started
            except httpx.TransportError:
                time.sleep(0.01)
    finally:
        process.terminate()
        process.wait(30)
    raise AssertionError("the server does not answer")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
