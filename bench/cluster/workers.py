"""Workers as processes: two beside one, a single file behind a batch, and a worker that is killed."""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from tests.cluster import Cluster, cluster
from tests.makecall import wav
from tests.serving import wait_until

from bench.report import Spread, at_least, say, table, target

_JOBS = 40
_BATCH = 500
_PACE = 0.3
_KILLS = 5
_LEASE = 15.0


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        _two_beside_one(folder)
        _behind_a_batch(folder / "batch")
        _picked_up(folder / "kill")


def _two_beside_one(folder: Path) -> None:
    seconds = {count: _forty(folder / f"workers-{count}", count) for count in (1, 2)}
    say(f"{_JOBS} jobs, each {3 * _PACE:.1f} s of an engine's time, one at a time in each worker.")
    say()
    table(["workers", "seconds"], [[str(count), f"{taken:.1f}"] for count, taken in seconds.items()])
    at_least("two workers beside one:", seconds[1] / seconds[2], 1.9, "times", 2)


def _forty(folder: Path, count: int) -> float:
    clip, engine = wav(seconds=3), f"echo:{_PACE}"
    with ExitStack() as stack:
        house = stack.enter_context(cluster(folder))
        for _ in range(count):
            stack.enter_context(house.worker("--concurrency", "1"))
        warm = [house.send(clip, engine) for _ in range(3 * count)]
        wait_until(lambda: _done(house) == len(warm), what="the engines' start", seconds=120)
        started = time.perf_counter()
        for _ in range(_JOBS):
            house.send(clip, engine)
        wait_until(lambda: _done(house) == _JOBS + len(warm), what="all jobs", seconds=240)
        return time.perf_counter() - started


def _done(house: Cluster) -> int:
    return house.states().get("completed", 0)


def _behind_a_batch(folder: Path) -> None:
    clip, engine, at_once = wav(seconds=3), f"echo:{_PACE}", 2
    with cluster(folder) as house:
        for _ in range(_BATCH):
            house.send(clip, engine)
        other = house.user("somebody-else")
        with house.worker("--concurrency", str(at_once)):
            wait_until(lambda: _done(house) >= 6, what="the batch under way", seconds=120)
            sent = time.perf_counter()
            single = house.send(clip, engine, other)
            before = house.rows("SELECT count(*) AS n FROM jobs WHERE attempt > 0")[0]["n"]
            wait_until(lambda: house.job(single)["attempt"] == 1, what="the single file", seconds=120)
            waited = time.perf_counter() - sent
            begun = house.rows(
                "SELECT count(*) AS n FROM jobs WHERE started_at < %s", house.job(single)["started_at"]
            )
            finished = house.rows(
                "SELECT avg(finished_at - started_at) AS each FROM jobs WHERE state = 'completed'"
            )[0]["each"]
    each: timedelta = finished
    job = each.total_seconds()
    say(f"One file of another user behind {_BATCH} of one, {at_once} jobs at once of {job:.2f} s each:")
    say(f"it began after {waited:.2f} s; {begun[0]['n'] - before} jobs of the batch began meanwhile.")
    say()
    target("its wait, in running jobs' time:", waited / job, 2, "jobs", 2)


def _picked_up(folder: Path) -> None:
    times = []
    for number in range(_KILLS):
        with cluster(folder / str(number)) as house, ExitStack() as stack:
            workers = [stack.enter_context(house.worker("--concurrency", "1")) for _ in range(2)]
            recording_id = house.send(wav(seconds=60), "echo:2")
            wait_until(lambda: house.job(recording_id)["stage"] == "transcribe", what="the work")  # noqa: B023
            owner = house.job(recording_id)["owner"]
            victim = next(worker for worker in workers if f":{worker.pid}:" in owner)
            victim.send_signal(signal.SIGKILL)
            killed = time.perf_counter()
            wait_until(lambda: house.job(recording_id)["attempt"] == 2, what="the pick-up")  # noqa: B023
            times.append(time.perf_counter() - killed)
    found = Spread(times)
    say(f"A worker killed in the middle of a job, lease {_LEASE:g} s, {_KILLS} times: another has it after")
    say(f"{found.columns(1)[0]} s ({found.columns(1)[1]}).")
    say()
    target("pick-up:", found.values[-1], _LEASE + 10, "s", 1)
