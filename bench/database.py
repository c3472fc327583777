"""What a transaction that writes one row costs, alone and beside seven others, on either database."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import update
from tests.services.postgres import Postgres

from bench.report import Spread, say, table
from tiro.db.migrate import upgrade
from tiro.db.session import Database
from tiro.db.tables import CounterTable

_SECONDS = 4.0
_WARM = 20


def run() -> None:
    say(f"Each thread changes a row of its own for {_SECONDS:g} s; PostgreSQL is on a socket of this machine")
    say("and, as SQLite, waits for the disk at each commit. Milliseconds of one `write()`.")
    say()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        _measure("SQLite", f"sqlite:///{Path(name) / 'tiro.db'}", rows)
    server = Postgres(durable=True)
    try:
        _measure("PostgreSQL", server.empty_database(), rows)
    finally:
        server.close()
    table(["database", "block", "threads", "p50", "p95", "writes a second, all threads"], rows)


def _measure(name: str, url: str, rows: list[list[str]]) -> None:
    database = Database(url)
    upgrade(database)
    with database.write() as session:
        session.add_all(CounterTable(metric="m", label=str(number), value=0) for number in range(8))
    for shared in (False, True):
        for threads in (1, 8):
            spread = _writes(database, shared, threads)
            block = "write(shared=True)" if shared else "write()"
            numbers = [f"{1000 * spread.median:.2f}", f"{1000 * spread.percentile(0.95):.2f}"]
            rows.append([name, block, str(threads), *numbers, f"{len(spread.values) / _SECONDS:.0f}"])
    database.close()


def _writes(database: Database, shared: bool, threads: int) -> Spread:
    taken: list[float] = []
    for _ in range(_WARM):
        _write(database, shared, 0)
    end = time.perf_counter() + _SECONDS

    def work(number: int) -> None:
        while (started := time.perf_counter()) < end:
            _write(database, shared, number)
            taken.append(time.perf_counter() - started)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Spread(taken)


def _write(database: Database, shared: bool, number: int) -> None:
    with database.write(shared=shared) as session:
        change = update(CounterTable).where(CounterTable.label == str(number))
        session.execute(change.values(value=CounterTable.value + 1))
