"""Rows of batches, and of the recordings in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, delete, func, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import BatchFileTable, BatchTable, JobTable, RecordingTable, TranscriptTable
from tiro.db.tables.base import Json
from tiro.features.jobs.states import JobState


class Totals(NamedTuple):
    """Of the files of a batch that are in one state. ``position`` and ``duration`` are sums of seconds, and
    ``unknown`` is how many have no known length yet."""

    batch_id: str
    state: str
    files: int
    position: float
    duration: float
    unknown: int


class FileRow(NamedTuple):
    recording_id: str
    title: str
    filename: str
    state: str
    position: float
    duration: float | None
    error: Json | None


def add(session: Session, batch: BatchTable) -> None:
    session.add(batch)
    session.flush()


def get(session: Session, batch_id: str) -> BatchTable | None:
    return session.get(BatchTable, batch_id)


def made_before(session: Session, owner_id: str, token: str) -> BatchTable | None:
    return session.scalar(
        select(BatchTable).where(BatchTable.owner_id == owner_id, BatchTable.token == token)
    )


def seal(session: Session, batch_id: str, fingerprint: str, results: list[Json]) -> None:
    change = update(BatchTable).where(BatchTable.id == batch_id)
    session.execute(change.values(fingerprint=fingerprint, results=results))


def note(session: Session, batch_id: str, results: list[Json]) -> None:
    session.execute(update(BatchTable).where(BatchTable.id == batch_id).values(results=results))


def page(session: Session, owner_id: str, limit: int, offset: int) -> Sequence[BatchTable]:
    query = select(BatchTable).where(BatchTable.owner_id == owner_id).order_by(BatchTable.id.desc())
    return session.scalars(query.limit(limit).offset(offset)).all()


def count(session: Session, owner_id: str) -> int:
    query = select(func.count()).select_from(BatchTable).where(BatchTable.owner_id == owner_id)
    return session.scalar(query) or 0


def remove(session: Session, batch_id: str) -> None:
    session.execute(delete(BatchTable).where(BatchTable.id == batch_id))


def totals(session: Session, batch_ids: Sequence[str]) -> Sequence[Totals]:
    """A row for each batch and each state that some of its files are in."""
    duration = _duration()
    done = case((JobTable.state == JobState.COMPLETED, func.coalesce(duration, JobTable.position)))
    query = _files(
        BatchFileTable.batch_id,
        JobTable.state,
        func.count(),
        func.sum(func.coalesce(done, JobTable.position)),
        func.sum(func.coalesce(duration, 0.0)),
        func.count() - func.count(duration),
    )
    query = query.where(BatchFileTable.batch_id.in_(batch_ids))
    return [Totals(*row) for row in session.execute(query.group_by(BatchFileTable.batch_id, JobTable.state))]


def files(session: Session, batch_id: str, limit: int, offset: int) -> Sequence[FileRow]:
    """In the order in which they came."""
    query = _files(
        RecordingTable.id,
        RecordingTable.title,
        RecordingTable.filename,
        JobTable.state,
        JobTable.position,
        _duration(),
        JobTable.error,
    )
    query = query.where(BatchFileTable.batch_id == batch_id).order_by(BatchFileTable.recording_id)
    return [FileRow(*row) for row in session.execute(query.limit(limit).offset(offset))]


def at_work(session: Session, batch_id: str) -> Sequence[str]:
    """The ids of the recordings whose jobs have not ended."""
    query = (
        select(BatchFileTable.recording_id)
        .join(JobTable, (JobTable.recording_id == BatchFileTable.recording_id) & JobTable.latest)
        .where(
            BatchFileTable.batch_id == batch_id,
            JobTable.state.in_([state for state in JobState if not state.ended]),
        )
        .order_by(BatchFileTable.recording_id)
    )
    return session.scalars(query).all()


def _duration() -> ColumnElement[float | None]:
    """The length as it was found, else as the header tells it."""
    return func.coalesce(
        TranscriptTable.summary["duration"].as_float(),
        JobTable.media["claimed_duration"].as_float(),
        RecordingTable.media["claimed_duration"].as_float(),
    )


def _files(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(BatchFileTable)
        .join(RecordingTable, RecordingTable.id == BatchFileTable.recording_id)
        .join(JobTable, (JobTable.recording_id == BatchFileTable.recording_id) & JobTable.latest)
        .outerjoin(
            TranscriptTable,
            (TranscriptTable.recording_id == BatchFileTable.recording_id) & TranscriptTable.current,
        )
    )
