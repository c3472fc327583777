"""R4, R5, R6: who holds the lease does the job, once; who has lost it changes nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import countingengine
from tests.checkup import assert_sound, job_row, rows, window_count
from tests.conftest import make_settings
from tests.databases import POSTGRESQL, reaching_into
from tests.makecall import wav
from tests.serving import ENDED, Client, thread_server, wait_until
from tests.workers import at_work, runtime_of, send, worker_process

from tiro.speech.options import TranscriptionOptions

SHORT_LEASE = {"lease_seconds": 8.0}
"""Shorter, and a busy machine might keep a living worker from renewing it."""


@pytest.fixture
def engine_log(tmp_path: Path) -> Iterator[Path]:
    with countingengine.installed(tmp_path / "engine") as log:
        yield log


def everything(data: Path) -> dict[str, list[dict[str, Any]]]:
    tables = ("jobs", "windows", "segments", "transcripts", "events", "recordings")
    return {table: rows(data, f"SELECT * FROM {table}") for table in tables}


_IN_TRANSACTIONS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
    "AND pid <> pg_backend_pid()"
)


def stop_between_commits(data: Path, process: subprocess.Popen[bytes]) -> None:
    """SIGSTOP the process at a moment at which it is in no transaction: its locks would stop all."""

    def stopped() -> bool:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        try:
            with reaching_into(data) as execute:
                if POSTGRESQL:
                    return not execute(_IN_TRANSACTIONS)
                execute("PRAGMA busy_timeout = 200")
                execute("BEGIN IMMEDIATE")
                return True
        except sqlite3.OperationalError:
            return False

    def stopped_there() -> bool:
        if stopped():
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_until(stopped_there, what="a pause between two commits")


def test_a_worker_that_was_taken_for_dead_changes_nothing(tmp_path: Path, engine_log: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "zombie.log"
    with runtime_of(make_settings(data)) as runtime:
        session_id = send(runtime, wav(seconds=30), "counting:0.05")
        with worker_process(data, log, jobs_lease_seconds="1") as zombie:
            wait_until(lambda: window_count(data, session_id) >= 1, what="the first window")
            stop_between_commits(data, zombie)
            with at_work(runtime):
                wait_until(lambda: job_row(data, session_id)["state"] == "completed", what="the job's end")
            done = everything(data)
            assert done["jobs"][0]["attempt"] == 2
            zombie.send_signal(signal.SIGCONT)
            wait_until(lambda: "job.lease_lost" in log.read_text(), what="the zombie's insight")
        assert zombie.returncode == 0
    assert everything(data) == done
    assert_sound(data)


@pytest.mark.slow
def test_a_job_longer_than_its_lease_runs_once(tmp_path: Path, engine_log: Path) -> None:
    data, over = tmp_path / "data", threading.Event()

    def pester(address: str, key: str) -> None:
        with Client(address, key) as client:
            while not over.is_set():
                assert client.get("/api/v1/transcribe").status_code == 200
                assert client.send_file("empty.wav", b"").status_code == 422

    with thread_server(make_settings(data, jobs=SHORT_LEASE)) as server:
        pesterers = [threading.Thread(target=pester, args=(server.address, server.key)) for _ in range(2)]
        for thread in pesterers:
            thread.start()
        try:
            answer = server.client.send_file("call.wav", wav(seconds=35), engine="counting:0.8")
            session = server.client.until_ended(answer.json()["session_id"])
        finally:
            over.set()
            for thread in pesterers:
                thread.join()
    assert session["status"] == "completed"
    assert job_row(data, session["session_id"])["attempt"] == 1
    assert session["metadata"]["processing_time"] > 3 * SHORT_LEASE["lease_seconds"]
    assert_sound(data)


def test_doubled_wake_ups_and_two_workers_run_each_job_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = make_settings(data)
    with runtime_of(settings) as one, runtime_of(settings) as two:
        session_id = send(one, wav(seconds=4), "echo")
        with at_work(one), at_work(two):
            for _ in range(30):
                # An engine that nobody has fails at once: what is left of the job is the race for it.
                with one.database.write() as session:
                    owner = one.users.owner(session).id
                    one.jobs.enqueue(session, session_id, owner, TranscriptionOptions(engine="nobody"))
                for runtime in (one, two) * 5:
                    runtime.jobs._queue.wake(session_id)
            wait_until(
                lambda: all(job["state"] in ENDED for job in rows(data, "SELECT state FROM jobs")),
                what="the end of all jobs",
            )
    jobs = rows(data, "SELECT state, attempt FROM jobs ORDER BY id")
    assert [(job["state"], job["attempt"]) for job in jobs] == [("completed", 1)] + [("failed", 1)] * 30
    begun = rows(data, "SELECT * FROM events WHERE type = 'state' AND CAST(data AS text) LIKE '%running%'")
    assert len(begun) == 31
    assert_sound(data)
