"""Rows of jobs and of the windows that they have recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import JobTable, WindowTable
from tiro.db.tables.base import Json
from tiro.features.jobs.states import JobState


def add(session: Session, job: JobTable) -> None:
    """Add ``job`` as the one that speaks for its recording."""
    session.execute(
        update(JobTable)
        .where(JobTable.recording_id == job.recording_id, JobTable.latest)
        .values(latest=False)
    )
    session.add(job)
    session.flush()


def latest(session: Session, recording_id: str) -> JobTable | None:
    return session.scalar(select(JobTable).where(JobTable.recording_id == recording_id, JobTable.latest))


def state(session: Session, recording_id: str) -> str | None:
    query = select(JobTable.state).where(JobTable.recording_id == recording_id, JobTable.latest)
    return session.scalar(query)


def claim(session: Session, owner: str, now: datetime, lease_until: datetime) -> JobTable | None:
    """Take the first job that waits: highest priority, then longest wait. One statement, so never twice."""
    first = (
        select(JobTable.id)
        .where(JobTable.state == JobState.QUEUED, JobTable.queued_at <= now)
        .order_by(JobTable.priority, JobTable.queued_at, JobTable.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    change = (
        update(JobTable)
        .where(JobTable.id == first, JobTable.state == JobState.QUEUED)
        .values(
            state=JobState.RUNNING,
            attempt=JobTable.attempt + 1,
            tries_left=JobTable.tries_left - 1,
            lease_until=lease_until,
            owner=owner,
            started_at=func.coalesce(JobTable.started_at, now),
        )
        .returning(JobTable)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(change)


def change_claimed(session: Session, job_id: str, attempt: int, **values: Any) -> bool:
    """Change a job that is still ours; False where another attempt owns it or it is not running any more."""
    result = session.execute(
        update(JobTable)
        .where(JobTable.id == job_id, JobTable.attempt == attempt, JobTable.state == JobState.RUNNING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def expired(session: Session, now: datetime) -> Sequence[JobTable]:
    query = select(JobTable).where(JobTable.state == JobState.RUNNING, JobTable.lease_until < now)
    return session.scalars(query).all()


def running(session: Session) -> Sequence[JobTable]:
    return session.scalars(select(JobTable).where(JobTable.state == JobState.RUNNING)).all()


def load(session: Session) -> Sequence[tuple[str, int, int, datetime]]:
    """Of jobs that wait or run, by state and priority: how many, and since when the first could run. Reads
    the index that claims go by, and so only what has not ended."""
    query = (
        select(JobTable.state, JobTable.priority, func.count(), func.min(JobTable.queued_at))
        .where(JobTable.state.in_([JobState.QUEUED, JobState.RUNNING]))
        .group_by(JobTable.state, JobTable.priority)
    )
    return session.execute(query).tuples().all()


def record_window(session: Session, job_id: str, index: int, attempt: int, result: Json) -> None:
    session.add(WindowTable(job_id=job_id, index=index, attempt=attempt, result=result))


def windows(session: Session, job_id: str) -> Sequence[WindowTable]:
    query = select(WindowTable).where(WindowTable.job_id == job_id).order_by(WindowTable.index)
    return session.scalars(query).all()


def forget_windows(session: Session, job_id: str) -> None:
    session.execute(delete(WindowTable).where(WindowTable.job_id == job_id))
