"""Rows of recordings, and of what was done under an Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tiro.db.tables import IdempotencyTable, JobTable, RecordingTable, TranscriptTable
from tiro.db.tables.base import Json


class Listed(NamedTuple):
    """A recording in a list: of the recording, of the job that speaks for it, and of its transcript where
    there is one."""

    id: str
    title: str
    created_at: datetime
    state: str
    stage: str | None
    priority: int
    position: float
    error: Json | None
    claimed_duration: float | None
    duration: float | None = None
    language: str | None = None


def add(session: Session, recording: RecordingTable) -> None:
    session.add(recording)
    session.flush()


def get(session: Session, recording_id: str) -> RecordingTable | None:
    return session.get(RecordingTable, recording_id)


def page(session: Session, owner_id: str, status: str | None, limit: int, offset: int) -> Sequence[Listed]:
    """One owner's, newest first; ids grow with time, so their order is the order of arrival."""
    # The page is found in an index of the owner's recordings: were the tables joined first, all rows would be
    # read and sorted for each page.
    listed = select(RecordingTable.id.label("recording_id")).where(RecordingTable.owner_id == owner_id)
    if status is not None:
        listed = listed.join(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        listed = listed.where(JobTable.state == status)
    chosen = listed.order_by(RecordingTable.id.desc()).limit(limit).offset(offset).subquery()
    summary = TranscriptTable.summary
    # Columns, not whole rows: making objects of these would take longer than all the rest.
    query = (
        select(
            RecordingTable.id,
            RecordingTable.title,
            RecordingTable.created_at,
            JobTable.state,
            JobTable.stage,
            JobTable.priority,
            JobTable.position,
            JobTable.error,
            func.coalesce(
                JobTable.media["claimed_duration"].as_float(),
                RecordingTable.media["claimed_duration"].as_float(),
            ),
            summary["duration"].as_float(),
            summary["language"].as_string(),
        )
        .select_from(chosen)
        .join(RecordingTable, RecordingTable.id == chosen.c.recording_id)
        .join(JobTable, (JobTable.recording_id == chosen.c.recording_id) & JobTable.latest)
        .outerjoin(
            TranscriptTable,
            (TranscriptTable.recording_id == chosen.c.recording_id) & TranscriptTable.current,
        )
        .order_by(RecordingTable.id.desc())
    )
    return [Listed(*row) for row in session.execute(query)]


def count(session: Session, owner_id: str, status: str | None) -> int:
    query = select(func.count()).select_from(RecordingTable).where(RecordingTable.owner_id == owner_id)
    if status is not None:
        query = query.join(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        query = query.where(JobTable.state == status)
    return session.scalar(query) or 0


def remove(session: Session, recording_id: str) -> None:
    session.execute(delete(RecordingTable).where(RecordingTable.id == recording_id))


def ids(session: Session) -> set[str]:
    return set(session.scalars(select(RecordingTable.id)))


def done_before(session: Session, key_id: str, token: str) -> IdempotencyTable | None:
    return session.get(IdempotencyTable, (key_id, token))


def remember(
    session: Session, key_id: str, token: str, fingerprint: str, recording_id: str, at: datetime
) -> None:
    session.add(
        IdempotencyTable(
            key_id=key_id, token=token, fingerprint=fingerprint, recording_id=recording_id, created_at=at
        )
    )
