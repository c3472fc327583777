"""Rows of transcripts and segments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, delete, func, insert, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import EditTable, SegmentTable, TranscriptTable, UserTable
from tiro.db.tables.base import Json

_SAID = ("start", "end", "speaker", "language", "text", "confidence")
_TRANSCRIPTS = TranscriptTable.metadata.tables[TranscriptTable.__tablename__]
_NO_LONGER_CURRENT = (
    update(_TRANSCRIPTS)
    .where(_TRANSCRIPTS.c.recording_id == bindparam("recording"), _TRANSCRIPTS.c.current)
    .values(current=False)
    .returning(_TRANSCRIPTS.c.version)
)
_COUNT = select(func.count()).where(SegmentTable.job_id == bindparam("job"))
_IN_TIME = SegmentTable.start, SegmentTable.position


def add_segments(session: Session, rows: Iterable[Json]) -> None:
    values = list(rows)
    if values:
        session.execute(insert(SegmentTable), values)


def count_segments(session: Session, job_id: str) -> int:
    return session.scalar(_COUNT, {"job": job_id}) or 0


def forget_segments(session: Session, job_id: str) -> None:
    session.execute(delete(SegmentTable).where(SegmentTable.job_id == job_id))


def segments(session: Session, job_id: str, only: Collection[int] | None = None) -> Sequence[Row[Any]]:
    """In the order in which they were said; ``only`` those with these numbers. Rows rather than objects,
    which cost more than all else about a transcript of hours."""
    query = select(*(getattr(SegmentTable, name) for name in ("position", *_SAID, "words", "quality")))
    query = query.where(SegmentTable.job_id == job_id)
    if only is None:
        return session.execute(query.order_by(*_IN_TIME)).all()
    found: list[Row[Any]] = []
    for some in _portions(sorted(only)):
        found += session.execute(query.where(SegmentTable.position.in_(some))).all()
    return sorted(found, key=lambda row: (row.start, row.position))


def segments_to_show(session: Session, job_id: str) -> Sequence[Row[Any]]:
    """As ``segments``, but the words as the JSON text that is kept: for those who pass it on as it is."""
    words = cast(SegmentTable.words, Text).label("words")
    query = select(*(getattr(SegmentTable, name) for name in ("position", *_SAID)), words)
    return session.execute(query.where(SegmentTable.job_id == job_id).order_by(*_IN_TIME)).all()


def texts(session: Session, job_id: str) -> Sequence[tuple[int, str]]:
    query = select(SegmentTable.position, SegmentTable.text).where(SegmentTable.job_id == job_id)
    return session.execute(query).tuples().all()


def some_of(session: Session, job_id: str, speaker: str) -> Sequence[int]:
    theirs = SegmentTable.job_id == job_id, SegmentTable.speaker == speaker
    return session.scalars(select(SegmentTable.position).where(*theirs).limit(1)).all()


def next_to(session: Session, job_id: str, number: int) -> Sequence[int]:
    """In the order in which segments were said."""
    start = select(SegmentTable.start).where(SegmentTable.job_id == job_id, SegmentTable.position == number)
    at = start.scalar_subquery()
    same_moment = (SegmentTable.start == at) & (SegmentTable.position > number)
    later = SegmentTable.job_id == job_id, (SegmentTable.start > at) | same_moment
    return session.scalars(select(SegmentTable.position).where(*later).order_by(*_IN_TIME).limit(1)).all()


def add_current(session: Session, job_id: str, recording_id: str, summary: Json, at: datetime) -> None:
    """Make this the recording's current transcript; the one before stays, no longer current."""
    earlier = session.scalar(_NO_LONGER_CURRENT, {"recording": recording_id})
    version = (earlier or 0) + 1
    row = {
        "job_id": job_id,
        "recording_id": recording_id,
        "current": True,
        "summary": summary,
        "version": version,
        "first_version": version,
        "speakers": {},
        "next_position": count_segments(session, job_id),
        "created_at": at,
    }
    session.execute(insert(_TRANSCRIPTS), row)


def current(session: Session, recording_id: str, *, to_change: bool = False) -> TranscriptTable | None:
    """With ``to_change`` it stays the current one until the transaction ends."""
    query = select(TranscriptTable).where(
        TranscriptTable.recording_id == recording_id, TranscriptTable.current
    )
    if not to_change:
        return session.scalar(query)
    # A job that ends meanwhile makes another current: the first look then waits for it and finds that its row
    # is none any more, and the second finds the new one.
    held = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(held) or session.scalar(held)


def remove_segments(session: Session, job_id: str, positions: Sequence[int]) -> None:
    for some in _portions(positions):
        session.execute(
            delete(SegmentTable).where(SegmentTable.job_id == job_id, SegmentTable.position.in_(some))
        )


def _portions(positions: Sequence[int]) -> Iterable[Sequence[int]]:
    """Only a few at a time: a statement has room for so many."""
    return (positions[first : first + 500] for first in range(0, len(positions), 500))


def add_edit(session: Session, edit: EditTable) -> None:
    session.add(edit)


def edit(session: Session, job_id: str, version: int) -> EditTable | None:
    """The edit that made a version."""
    return session.get(EditTable, (job_id, version))


def edits_since(session: Session, job_id: str, version: int) -> Sequence[EditTable]:
    """The edits after a version, oldest first."""
    query = select(EditTable).where(EditTable.job_id == job_id, EditTable.version > version)
    return session.scalars(query.order_by(EditTable.version)).all()


def edits(
    session: Session, job_id: str, before: int | None, limit: int, after: int
) -> Sequence[tuple[EditTable, str | None]]:
    """The newest edits that made a version above ``after`` and below ``before``, each with the name of who
    made it."""
    query = (
        select(EditTable, UserTable.name)
        .outerjoin(UserTable, UserTable.id == EditTable.user_id)
        .where(EditTable.job_id == job_id, EditTable.version > after)
    )
    if before is not None:
        query = query.where(EditTable.version < before)
    return session.execute(query.order_by(EditTable.version.desc()).limit(limit)).tuples().all()
