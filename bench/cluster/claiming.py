"""What a look and a claim cost with a thousand and with a million jobs waiting."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sqlalchemy import text
from tests.conftest import make_settings
from tests.makecall import wav
from tests.services.postgres import Postgres
from tests.workers import runtime_of, send

from bench.report import Spread, say, table, target
from tiro.bootstrap.server import Runtime

_SIZES = (1_000, 1_000_000)
_CLAIMS = 300
_QUEUES = ("gpu", "cpu", "remote", "llm")

_NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(1, :count) AS g(n)",
    "sqlite": "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < :count) "
    "SELECT n FROM g",
}
_FILL = """
INSERT INTO jobs (id, recording_id, user_id, latest, state, queue, engine, priority, turn, options, attempt,
                  tries_left, cancel_requested, position, created_at, queued_at, busy_seconds)
SELECT 'job-' || n, recording_id, user_id, false, 'queued', queue, engine, priority, n / 10, '{{}}', 0,
       3, false, 0, created_at, queued_at, 0
FROM jobs, ({numbers}) AS numbers WHERE jobs.id = :model
"""


def run() -> None:
    rows, ratios = [], {}
    server = Postgres(durable=True)
    try:
        for kind in ("SQLite", "PostgreSQL"):
            found = []
            for size in _SIZES:
                with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
                    more = {"database": {"url": server.database()}} if kind == "PostgreSQL" else {}
                    with runtime_of(make_settings(Path(name) / "data", **more)) as runtime:
                        found.append(_claims(runtime, size))
                rows.append([f"{kind}, {size:,} waiting", *found[-1].columns(2)])
            ratios[kind] = found[1].median / found[0].median
    finally:
        server.close()
    say(f"One look and one claim, {_CLAIMS} times, each with its commit to disk; milliseconds.")
    say()
    table(["queue", "median", "range"], rows)
    for kind, ratio in ratios.items():
        target(f"{kind}, a million to a thousand:", ratio, 2, "times", 2)


def _claims(runtime: Runtime, size: int) -> Spread:
    send(runtime, wav(seconds=1), "echo")
    with runtime.database.write() as session:
        kind = session.get_bind().dialect.name
        model = session.scalar(text("SELECT id FROM jobs"))
        fill = text(_FILL.format(numbers=_NUMBERS[kind]))
        session.execute(fill, {"count": size, "model": model})
    if kind == "postgresql":
        with runtime.database.write() as session:
            session.execute(text("ANALYZE jobs"))
    times = []
    for _ in range(_CLAIMS):
        started = time.perf_counter()
        with runtime.database.read() as session:
            (queue,) = runtime.jobs.look(session, _QUEUES, None).queues
        with runtime.database.write(shared=True) as session:
            assert runtime.jobs.claim(session, "bench", queue) is not None
        times.append(1000 * (time.perf_counter() - started))
    return Spread(times[20:])
