"""Kills on PostgreSQL, Redis and S3, twenty rounds of each: what the tests try three times."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.report import say, table, target

_ROUNDS = int(os.environ.get("TIRO_TEST_ROUNDS", "20"))
_KILLS = "tests/faults/cluster/test_cluster_faults.py::test_"
_CROWD = "tests/faults/test_uploads_crowd.py::test_r15_a_hundred_of_20_megabytes_in_s3_and_postgresql"
_TRIED = {
    "R3 a killed worker": (f"{_KILLS}a_killed_workers_job_is_picked_up", 1),
    "R4 a worker taken for dead": (f"{_KILLS}a_worker_that_was_taken_for_dead_changes_nothing", 1),
    "R5 longer than its lease": (f"{_KILLS}a_job_longer_than_lease_and_visibility_runs_once", 1),
    "R6 wake-ups by the dozen": (f"{_KILLS}wake_ups_by_the_dozen_run_each_job_once", 1),
    "R9 the database away for 30 s": (
        "tests/faults/test_database_away.py::test_r9_the_database_goes_and_comes_back",
        1,
    ),
    "R10 Redis killed and emptied": (f"{_KILLS}redis_killed_and_emptied_with_fifty_waiting", 1),
    "R15 100 of 20 MB by POST": (f"{_CROWD}[post]", _ROUNDS),
    "R15 100 of 20 MB by tus": (f"{_CROWD}[tus]", _ROUNDS),
    "R16 a graceful stop": (f"{_KILLS}a_graceful_stop_loses_nothing", 1),
}
"""The tests, and how often each has to be run: most have their rounds inside."""


def run() -> None:
    rows, failed = [], 0
    for what, (test, times) in _TRIED.items():
        started = time.monotonic()
        failures = sum(not _passes(test) for _ in range(times))
        failed += failures
        rows.append([what, str(_ROUNDS), f"{time.monotonic() - started:.0f}", str(failures)])
        say(f"{what}: {'passed' if not failures else 'FAILED'}")
    say()
    table(["promise", "rounds", "seconds", "failed runs"], rows)
    target("failed runs:", failed, 0, "runs")


def _passes(test: str) -> bool:
    """A run that fails prints what pytest has to say of it."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command,
        env=os.environ | {"TIRO_TEST_ROUNDS": str(_ROUNDS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        say(done.stdout[-5000:])
    return done.returncode == 0
