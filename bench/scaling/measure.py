"""Count what one job costs: transactions, statements, bytes, by the second of audio."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import current_thread, get_ident

from sqlalchemy import event, func, select, text
from tests.makecall import wav
from tests.serving import Client, thread_server

from bench.report import say, table
from tiro import logs
from tiro.db.session import Database
from tiro.db.tables import EventTable, JobTable, SegmentTable
from tiro.settings import Settings

_LENGTHS = (2, 60, 600)


def measure() -> None:
    """One recording of each length through a server in this process, engine `echo`; what the pauses between
    jobs cost is taken off."""
    logs.configure("error", "text")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), engine={"download": False})
        rows = []
        with thread_server(settings) as server:
            database = server.runtime.database
            counted = _count(database)
            server.client.send_file("warm.wav", wav(2), wait=60)
            idle = _idle(counted)
            for seconds in _LENGTHS:
                rows.append(_one(server.client, database, counted, idle, seconds))
    say("One job each, `echo`, with the idle server's own taken off.")
    say()
    names = ["audio", "windows", "commits", "worker's statements", "segments", "events", "bytes of rows"]
    table(names, rows)


def _count(database: Database) -> Counter[str]:
    counted: Counter[str] = Counter()
    writing: set[int] = set()

    def statement(_connection: object, _cursor: object, said: str, *_: object) -> None:
        # Those of the worker: how often somebody asks how far a job is would count for more than the job.
        counted["statements"] += current_thread().name.startswith("job")
        if said.startswith(("INSERT", "UPDATE", "DELETE")):
            writing.add(get_ident())
        counted["windows"] += "INSERT INTO windows" in said

    def commit(_connection: object) -> None:
        counted["commits"] += get_ident() in writing
        writing.discard(get_ident())

    event.listen(database.engine, "before_cursor_execute", statement)
    event.listen(database.engine, "commit", commit)
    return counted


def _idle(counted: Counter[str]) -> dict[str, float]:
    """A second of a server that has nothing to do."""
    before = dict(counted)
    time.sleep(2)
    return {name: (counted[name] - before.get(name, 0)) / 2 for name in counted}


def _one(
    client: Client, database: Database, counted: Counter[str], idle: dict[str, float], seconds: int
) -> list[str]:
    before, size, began = dict(counted), _size(database), time.monotonic()
    session_id = client.send_file("call.wav", wav(seconds), wait=0).json()["session_id"]
    client.until_ended(session_id, 300)
    took = time.monotonic() - began
    more = {name: counted[name] - before.get(name, 0) - idle.get(name, 0) * took for name in counted}
    with database.read() as session:
        job = select(JobTable.id).where(JobTable.recording_id == session_id).scalar_subquery()
        segments = session.scalar(select(func.count()).where(SegmentTable.job_id == job))
        events = session.scalar(select(func.count()).where(EventTable.recording_id == session_id))
    grown = _size(database) - size
    figures = [more.get("windows", 0), more["commits"], more["statements"], segments or 0, events or 0, grown]
    return [f"{seconds} s", *(f"{figure:,.0f}" for figure in figures)]


def _size(database: Database) -> int:
    """Bytes of all tables and indices that hold something."""
    with database.read() as session:
        if session.get_bind().dialect.name == "postgresql":
            return session.scalar(text("SELECT pg_database_size(current_database())")) or 0
        pages = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count() p, "
        return session.scalar(text(pages + "pragma_freelist_count() f, pragma_page_size() s")) or 0
