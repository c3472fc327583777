"""Rows of recordings, and of what was done under an Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, delete, false, func, select, true, update
from sqlalchemy.orm import Session

from tiro.db.tables import (
    BatchFileTable,
    BatchTable,
    IdempotencyTable,
    JobTable,
    RecordingTable,
    TranscriptTable,
    UserTable,
)
from tiro.db.tables.base import Json


class Listed(NamedTuple):
    """A recording in a list: of the recording, of the job that speaks for it, and of its transcript where
    there is one."""

    id: str
    title: str
    created_at: datetime
    held: bool
    media_removed_at: datetime | None
    state: str
    stage: str | None
    priority: int
    position: float
    error: Json | None
    claimed_duration: float | None
    duration: float | None = None
    language: str | None = None
    owner: str | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()


def add(session: Session, recording: RecordingTable, batch_id: str | None) -> None:
    session.add(recording)
    session.flush()
    if batch_id is not None:
        session.add(BatchFileTable(recording_id=recording.id, batch_id=batch_id))
    _count_one(session, recording.owner_id, 1)


def batch_owner(session: Session, batch_id: str) -> str | None:
    """Whose batch it is; None where there is no such batch."""
    return session.scalar(select(BatchTable.owner_id).where(BatchTable.id == batch_id))


def get(session: Session, recording_id: str) -> RecordingTable | None:
    return session.get(RecordingTable, recording_id)


def page(session: Session, owner_id: str, status: str | None, limit: int, offset: int) -> Sequence[Listed]:
    """One owner's, newest first; ids grow with time, so their order is the order of arrival."""
    values = {"owner": owner_id, "status": status, "limit": limit, "offset": offset}
    return [Listed(*row) for row in session.execute(_page(status is not None), values)]


@cache
def _page(by_status: bool) -> Select[Any]:
    """Built once: building it takes longer than running it."""
    # The page is found in an index of jobs alone: were the tables joined first, all rows would be read and
    # sorted for each page.
    newest = select(JobTable.recording_id).where(*_listed(by_status)).order_by(JobTable.recording_id.desc())
    return shown(newest.limit(bindparam("limit")).offset(bindparam("offset")).subquery())


def shown(chosen: FromClause, *more: Any) -> Select[Any]:
    """The columns of ``Listed``, and ``more``, of the recordings whose ids ``chosen`` has, newest first."""
    summary = TranscriptTable.summary
    # Columns, not whole rows: making objects of these would take longer than all the rest.
    return (
        select(
            RecordingTable.id,
            RecordingTable.title,
            RecordingTable.created_at,
            RecordingTable.held_at.is_not(None),
            RecordingTable.media_removed_at,
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
            *more,
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


def some(session: Session, owner_id: str, ids: Sequence[str]) -> Sequence[Listed]:
    """Those of ``ids`` that are the owner's."""
    mine = select(JobTable.recording_id).where(
        JobTable.user_id == owner_id, JobTable.latest == true(), JobTable.recording_id.in_(ids)
    )
    return [Listed(*row) for row in session.execute(shown(mine.subquery()))]


def count(session: Session, owner_id: str, status: str | None) -> int:
    return session.scalar(_count(status is not None), {"owner": owner_id, "status": status}) or 0


@cache
def _count(by_status: bool) -> Select[tuple[int]]:
    if not by_status:
        return select(UserTable.recordings).where(UserTable.id == bindparam("owner"))
    return select(func.count()).select_from(JobTable).where(*_listed(by_status))


def _listed(by_status: bool) -> list[ColumnElement[bool]]:
    """Jobs that speak for a recording of the owner's."""
    conditions: list[ColumnElement[bool]] = [
        JobTable.user_id == bindparam("owner"),
        JobTable.latest == true(),
    ]
    if by_status:
        conditions.append(JobTable.state == bindparam("status"))
    return conditions


def remove(session: Session, recording: RecordingTable) -> None:
    # The jobs first, and then the recording, as their workers do: in the other order each would wait for the
    # other.
    session.execute(
        select(JobTable.id)
        .where(JobTable.recording_id == recording.id)
        .order_by(JobTable.id)
        .with_for_update()
    )
    session.execute(delete(RecordingTable).where(RecordingTable.id == recording.id))
    _count_one(session, recording.owner_id, -1)


def _count_one(session: Session, owner_id: str, step: int) -> None:
    change = update(UserTable).where(UserTable.id == owner_id)
    session.execute(change.values(recordings=UserTable.recordings + step))


def ids(session: Session) -> set[str]:
    return set(session.scalars(select(RecordingTable.id)))


def without_media(session: Session) -> set[str]:
    query = select(RecordingTable.id).where(RecordingTable.media_removed_at.is_not(None))
    return set(session.scalars(query))


def first_of_bytes(session: Session, owner_id: str, sha256: str, before: str | None) -> str | None:
    query = select(RecordingTable.id).where(
        RecordingTable.sha256 == sha256,
        RecordingTable.owner_id == owner_id,
        RecordingTable.passing == false(),
    )
    if before is not None:
        query = query.where(RecordingTable.id < before)
    return session.scalar(query.order_by(RecordingTable.id).limit(1))


def passing(session: Session, before: datetime) -> Sequence[str]:
    query = select(RecordingTable.id).where(RecordingTable.passing == true())
    return session.scalars(query.where(RecordingTable.created_at <= before)).all()


def done_before(session: Session, user_id: str, token: str) -> IdempotencyTable | None:
    return session.get(IdempotencyTable, (user_id, token))


def remember(
    session: Session, user_id: str, token: str, fingerprint: str, recording_id: str, at: datetime
) -> None:
    session.add(
        IdempotencyTable(
            user_id=user_id, token=token, fingerprint=fingerprint, recording_id=recording_id, created_at=at
        )
    )
