"""A server's data with something in every table, and all of it as values, to compare two servers by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Column, Text, cast, delete, func, insert, select, update
from sqlalchemy import Table as CoreTable
from sqlalchemy.orm import Session

from tests.makecall import wav
from tests.serving import thread_server
from tiro.bootstrap.backup import backing_up, restoring
from tiro.bootstrap.data import open_database
from tiro.db.migrate import HISTORY
from tiro.db.tables import (
    EditTable,
    EventTable,
    JobTable,
    RecordingTable,
    SegmentTable,
    Table,
    TranscriptTable,
    UploadTable,
    WindowTable,
)
from tiro.features.backup.portable import Kind, kind_of
from tiro.features.backup.restoring import Restored
from tiro.features.backup.service import Made
from tiro.kit import clock
from tiro.settings import Settings

Rows = dict[str, list[tuple[Any, ...]]]
TITLE = "A “call”\u2028 ✓"
PASSWORD = "correct horse battery"


@dataclass
class House:
    """What is known of the data, beside what is in it."""

    settings: Settings
    key: str
    finished: str
    running: str
    removed: str
    unfinished_upload: str


def nothing(_what: str, _done: int, _total: int) -> None:
    """For those who do not want to know how far it is."""


def furnish(settings: Settings) -> House:
    """Work for a while as people would, then leave one job running and each table with something in it."""
    with thread_server(settings) as server:
        sent = [
            server.client.send_file(f"call-{i}.wav", wav(2 + i), wait=30, title=TITLE).json()
            for i in range(3)
        ]
        finished, running, removed = (str(answer["session_id"]) for answer in sent)
        server.runtime.users.create("ann")
        server.runtime.accounts.set_password("ann", PASSWORD)
        server.runtime.accounts.login("ann", PASSWORD)
        share = {"user": "ann", "role": "viewer"}
        assert server.client.post(f"/api/v1/transcribe/{finished}/shares", json=share).status_code == 201
        hook = {"name": "hook", "url": "https://example.org/", "events": ["transcription.completed"]}
        assert server.client.post("/api/v1/webhooks", json=hook).status_code == 201
        for seconds in (3, 4):
            server.client.send_file("later.wav", wav(seconds), wait=30)
        key = server.key
    database = open_database(settings)
    with database.write() as session:
        now = clock.now()
        owner = session.scalars(select(RecordingTable.owner_id)).first()
        session.execute(
            update(RecordingTable).where(RecordingTable.id == removed).values(media_removed_at=now)
        )
        session.execute(
            update(JobTable)
            .where(JobTable.recording_id == running)
            .values(state="running", attempt=3, tries_left=0, owner="dead", lease_until=now, finished_at=None)
        )
        job_id = session.scalar(select(JobTable.id).where(JobTable.recording_id == running))
        for table in (SegmentTable, TranscriptTable):
            session.execute(delete(table).where(table.job_id == job_id))
        done = session.scalar(select(JobTable.id).where(JobTable.recording_id == finished))
        session.add(WindowTable(job_id=done, index=0, attempt=3, result={"segments": []}))
        for name, finished_at in (("unfinished", None), ("finished", now)):
            upload = {"id": name, "length": 10, "sent_metadata": "", "finished_at": finished_at}
            session.add(UploadTable(owner_id=owner, created_at=now, **upload))
        session.flush()
        _fill_empty(session)
        edited = TranscriptTable.job_id.in_(select(EditTable.job_id))
        session.execute(update(TranscriptTable).where(edited).values(version=TranscriptTable.version + 1))
        # The greatest number of all is given, and its row is gone.
        last = session.scalar(select(func.max(EventTable.seq)))
        session.execute(delete(EventTable).where(EventTable.seq == last))
    database.close()
    (path,) = (settings.data / "media").rglob(removed)
    path.unlink()
    (settings.data / "key").write_text(key)
    return House(settings, key, finished, running, removed, "unfinished")


def _fill_empty(session: Session) -> None:
    """A row for each table that nothing has come into, made of what its columns take."""
    for table in Table.metadata.sorted_tables:
        if session.scalar(select(func.count()).select_from(table)):
            continue
        values = {column.name: _value(session, column) for column in table.columns}
        session.execute(insert(table).values({key: each for key, each in values.items() if each is not ...}))


def _value(session: Session, column: Column[Any]) -> Any:
    for key in column.foreign_keys:
        return session.scalar(select(key.column).order_by(key.column).limit(1))
    if column is column.table.autoincrement_column:
        return ...
    made: dict[Kind, Callable[[], Any]] = {
        Kind.TEXT: lambda: f"{column.name} of {column.table.name}, “quoted”\u0085",
        Kind.INTEGER: lambda: 7,
        Kind.NUMBER: lambda: 0.1 + 0.2,
        Kind.BOOLEAN: lambda: False,
        Kind.MOMENT: lambda: clock.now() + timedelta(days=1),
        Kind.JSON: lambda: {"a": [1, None, "ä\u0000\n"]},
        Kind.BYTES: lambda: bytes(range(256)),
    }
    return made[kind_of(column)]()


def all_rows(settings: Settings) -> Rows:
    """Every row of every table, JSON as its text."""
    database = open_database(settings)
    try:
        with database.read() as session:
            return {table.name: _rows(session, table) for table in Table.metadata.sorted_tables}
    finally:
        database.close()


def _rows(session: Session, table: CoreTable) -> list[tuple[Any, ...]]:
    columns = [cast(each, Text) if kind_of(each) is Kind.JSON else each for each in table.columns]
    found = session.execute(select(*columns).order_by(*table.primary_key.columns))
    return sorted((tuple(row) for row in found), key=repr)


def all_files(settings: Settings) -> dict[str, str]:
    """SHA-256 of each recording's file, and of the secrets."""
    kept = [path for path in (settings.data / "media").rglob("*") if path.is_file()]
    kept += [settings.data / name for name in ("secret", "key")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept if path.exists()}


def back_up(settings: Settings, path: Path, *, media: bool = True, secret: bool = True) -> Made:
    with backing_up(settings) as service, path.open("wb") as out:
        return service.make(out, media=media, secret=secret, report=nothing)


def bring_back(
    settings: Settings, source: BinaryIO | Path, *, replace: bool = False, history: Path = HISTORY
) -> Restored:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return bring_back(settings, file, replace=replace, history=history)
    with restoring(settings) as service:
        service.history = history
        return service.restore(source, replace=replace, report=nothing)
