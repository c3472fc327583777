"""Jobs a second through the whole queue: kept, claimed, decoded, recognised and recorded."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
from tests.cluster import cluster
from tests.conftest import make_settings
from tests.makecall import wav
from tests.services.postgres import Postgres
from tests.serving import wait_until
from tests.workers import at_work, runtime_of, send

from bench.report import at_least, say, table
from tiro.features.counters.service import Counted

_JOBS = 200
_CLIP = 0.2
_AT_ONCE = 6


def run() -> None:
    rows = []
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        embedded = _embedded(Path(name) / "embedded")
        server = Postgres(durable=True)
        try:
            clustered = _clustered(Path(name) / "cluster", server)
        finally:
            server.close()
    for what, (seconds, spent) in (("embedded", embedded), ("PostgreSQL and Redis", clustered)):
        each = 1000 / _JOBS
        rows.append([what, f"{_JOBS / seconds:.0f}", f"{seconds * each:.1f}", f"{spent * each:.1f}"])
    say(f"{_JOBS} jobs that wait already, {_CLIP:g} s of audio each, engine echo: {_AT_ONCE} at once in one")
    say("process, or in two workers with half as many each. Processor time is that of workers and their")
    say("children, without the database's.")
    say()
    table(["", "jobs/s", "ms/job", "CPU ms/job"], rows)
    at_least("embedded:", _JOBS / embedded[0], 50, "jobs/s")
    at_least("PostgreSQL and Redis:", _JOBS / clustered[0], 100, "jobs/s")


def _embedded(data: Path) -> tuple[float, float]:
    clip = wav(seconds=_CLIP)
    with runtime_of(make_settings(data, jobs={"parallel": _AT_ONCE})) as runtime:
        runtime.speech.decoders.warm()

        def done() -> int:
            with runtime.database.read() as session:
                return int(runtime.counters.values(session).get((Counted.JOBS_ENDED, "completed"), 0))

        with at_work(runtime):
            for _ in range(_AT_ONCE):
                send(runtime, clip, "echo")
            wait_until(lambda: done() == _AT_ONCE, what="the engine's start")
        # Waiting jobs, and a worker that is warm: a new runner on the same hosts.
        runtime.runner._stopping = False
        runtime.runner.jobs._stopping.clear()
        for _ in range(_JOBS):
            send(runtime, clip, "echo")
        spent, started = _cpu(), time.perf_counter()
        with at_work(runtime):
            wait_until(
                lambda: done() == _AT_ONCE + _JOBS, what="the end of all jobs", seconds=300, pause=0.05
            )
            return time.perf_counter() - started, _cpu() - spent


def _clustered(folder: Path, server: Postgres) -> tuple[float, float]:
    clip = wav(seconds=_CLIP)
    with ExitStack() as stack:
        house = stack.enter_context(cluster(folder, server=server))
        half = str(_AT_ONCE // 2)
        workers = [stack.enter_context(house.worker("--concurrency", half)) for _ in range(2)]
        for _ in range(4 * _AT_ONCE):
            house.send(clip, "echo")
        warm = 4 * _AT_ONCE
        wait_until(lambda: house.states().get("completed", 0) == warm, what="the engines' start", seconds=120)
        for worker in workers:
            worker.send_signal(19)  # SIGSTOP: the jobs are to wait before the first is claimed
        for _ in range(_JOBS):
            house.send(clip, "echo")
        pids = [worker.pid for worker in workers]
        spent, started = _cpu(*pids), time.perf_counter()
        for worker in workers:
            worker.send_signal(18)
        wait_until(
            lambda: house.states().get("completed", 0) == warm + _JOBS,
            what="all jobs",
            seconds=300,
            pause=0.05,
        )
        return time.perf_counter() - started, _cpu(*pids) - spent


def _cpu(*pids: int) -> float:
    """Processor seconds of these processes (by default this one) with all their children, dead or alive."""
    total = 0.0
    for pid in pids or (os.getpid(),):
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
    return total
