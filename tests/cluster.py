"""A cluster for tests: PostgreSQL, Redis, one data folder, and processes of `tiro` on them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.conftest import make_settings
from tests.services.postgres import Postgres, postgres
from tests.services.redis import Redis, shared_redis
from tests.serving import Client, wait_until
from tests.workers import send
from tiro.bootstrap.roles import Role
from tiro.bootstrap.server import Runtime, build_runtime
from tiro.db.tables import UserTable
from tiro.settings import Settings

ROUNDS = int(os.environ.get("TIRO_TEST_ROUNDS", "3"))
"""How often each thing that must not happen is tried; `python -m bench faults` tries more often."""


@dataclass
class Cluster:
    """``runtime`` is an API instance in this process; its jobs are for the workers."""

    data: Path
    settings: Settings
    runtime: Runtime
    environment: dict[str, str]
    logs: list[Path] = field(default_factory=list)

    def send(self, data: bytes, engine: str, user_id: str | None = None) -> str:
        return send(self.runtime, data, engine, user_id)

    def user(self, name: str) -> str:
        """One more user; the id."""
        with self.runtime.database.write() as session:
            owner = self.runtime.users.owner(session)
            values = {column.name: getattr(owner, column.name) for column in UserTable.__table__.columns}
            session.add(UserTable(**(values | {"id": name, "name": name})))
        return name

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.settings.database.url or "", row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def job(self, recording_id: str) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM jobs WHERE recording_id = %s AND latest", recording_id)
        return row

    def windows(self, recording_id: str) -> int:
        query = "SELECT count(*) AS n FROM windows JOIN jobs ON jobs.id = job_id WHERE recording_id = %s"
        return int(self.rows(query, recording_id)[0]["n"])

    def states(self) -> dict[str, int]:
        found = self.rows("SELECT state, count(*) AS n FROM jobs WHERE latest GROUP BY state")
        return {row["state"]: row["n"] for row in found}

    def until(self, recording_id: str, state: str, seconds: float = 60) -> dict[str, Any]:
        wait_until(lambda: self.job(recording_id)["state"] == state, seconds=seconds, what=state)
        return self.job(recording_id)

    def sound(self, recording_id: str) -> None:
        """One current transcript, and every segment told once."""
        query = "SELECT job_id FROM transcripts WHERE recording_id = %s AND current"
        (transcript,) = self.rows(query, recording_id)
        kept = self.rows("SELECT * FROM segments WHERE job_id = %s", transcript["job_id"])
        query = "SELECT data FROM events WHERE recording_id = %s AND type = 'segment' ORDER BY seq"
        told = [row["data"]["position"] for row in self.rows(query, recording_id)]
        assert told == sorted({row["position"] for row in kept})

    @contextmanager
    def process(self, *words: str, ready: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """`tiro WORDS`, from when its log has ``ready`` in it; killed at the end if it is still there."""
        log = self.data.parent / f"process-{len(self.logs)}.log"
        self.logs.append(log)
        environment = self.environment | {f"TIRO_{name.upper()}": text for name, text in settings.items()}
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tiro.cli.main", *words],
                stdout=file,
                stderr=file,
                env=environment,
                cwd=self.data.parent,
            )
        try:
            wait_until(
                lambda: ready in log.read_text() or process.poll() is not None,
                seconds=120,
                what=f"the start of {words}",
            )
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    @contextmanager
    def worker(self, *words: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.process("worker", *words, ready="jobs at once", **settings) as process:
            yield process

    @contextmanager
    def api(self) -> Iterator[Client]:
        """`tiro api` in a process, and a client of it; it ends in order."""
        with self.process("api", "--port", "0", ready="listens on") as process:
            (address,) = re.findall(r"listens on (http://\S+)", self.logs[-1].read_text())
            with Client(address, (self.data / "key").read_text().strip()) as client:
                yield client
            process.terminate()
            assert process.wait(60) == 0


@contextmanager
def cluster(
    folder: Path,
    *,
    redis: Redis | None = None,
    server: Postgres | None = None,
    storage: Mapping[str, Any] | None = None,
    **jobs: object,
) -> Iterator[Cluster]:
    """Args:
    redis, server: of the caller's own, to be killed or measured; else those that all tests share.
    storage, jobs: settings of `storage` and `jobs`, for all processes; recordings are in the data folder by
        default.
    """
    data = folder / "data"
    url = (server or postgres()).database()
    broker = (redis or shared_redis()).database()
    storage = storage or {}
    settings = make_settings(data, database={"url": url}, broker={"url": broker}, jobs=jobs, storage=storage)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TIRO_")}
    environment |= {
        "TIRO_DATA": str(data),
        "TIRO_DATABASE_URL": url,
        "TIRO_BROKER_URL": broker,
        "TIRO_ENGINE_DOWNLOAD": "false",
        "TIRO_LOG_FORMAT": "json",
        "TIRO_AUTH_SECRET": "b7e151628aed2a6abf7158809cf4f3c762e7160f",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        ),
    }
    for group, values in (("JOBS", jobs), ("STORAGE", storage)):
        environment |= {f"TIRO_{group}_{name.upper()}": str(value) for name, value in values.items()}
    runtime = build_runtime(settings, Role.API)
    try:
        yield Cluster(data, settings, runtime, environment)
    finally:
        runtime.close()
