"""Rows of transcripts and segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import SegmentTable, TranscriptTable
from tiro.db.tables.base import Json


def add_segments(session: Session, rows: Iterable[Json]) -> None:
    values = list(rows)
    if values:
        session.execute(insert(SegmentTable), values)


def count_segments(session: Session, job_id: str) -> int:
    return session.scalar(select(func.count()).where(SegmentTable.job_id == job_id)) or 0


def forget_segments(session: Session, job_id: str) -> None:
    session.execute(delete(SegmentTable).where(SegmentTable.job_id == job_id))


def segments(session: Session, job_id: str) -> Sequence[SegmentTable]:
    query = select(SegmentTable).where(SegmentTable.job_id == job_id).order_by(SegmentTable.position)
    return session.scalars(query).all()


def add_current(session: Session, job_id: str, recording_id: str, summary: Json, at: datetime) -> None:
    """Make this the recording's current transcript; the one before stays, no longer current."""
    session.execute(
        update(TranscriptTable)
        .where(TranscriptTable.recording_id == recording_id, TranscriptTable.current)
        .values(current=False)
    )
    session.add(
        TranscriptTable(
            job_id=job_id, recording_id=recording_id, current=True, summary=summary, created_at=at
        )
    )


def current(session: Session, recording_id: str) -> TranscriptTable | None:
    return session.scalar(
        select(TranscriptTable).where(TranscriptTable.recording_id == recording_id, TranscriptTable.current)
    )
