"""Rows of recordings, and of what was done under an Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tiro.db.tables import IdempotencyTable, JobTable, RecordingTable, TranscriptTable

Listed = tuple[RecordingTable, JobTable, TranscriptTable | None]


def add(session: Session, recording: RecordingTable) -> None:
    session.add(recording)
    session.flush()


def get(session: Session, recording_id: str) -> RecordingTable | None:
    return session.get(RecordingTable, recording_id)


def page(session: Session, status: str | None, limit: int, offset: int) -> Sequence[Listed]:
    """Newest first; ids grow with time, so their order is the order of arrival."""
    query = (
        select(RecordingTable, JobTable, TranscriptTable)
        .join(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        .outerjoin(
            TranscriptTable, (TranscriptTable.recording_id == RecordingTable.id) & TranscriptTable.current
        )
        .order_by(RecordingTable.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if status is not None:
        query = query.where(JobTable.state == status)
    return [(recording, job, transcript) for recording, job, transcript in session.execute(query)]


def count(session: Session, status: str | None) -> int:
    query = select(func.count()).select_from(JobTable).where(JobTable.latest)
    if status is not None:
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
