"""Rows of all users together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, case, func, literal_column, select
from sqlalchemy.orm import Session

from tiro.db.sums import whole_sum
from tiro.db.tables import JobTable, RecordingTable, UploadTable, UserTable
from tiro.features.jobs.states import JobState


def jobs(
    session: Session,
    state: str | None,
    queue: str | None,
    owner: str | None,
    before: str | None,
    limit: int,
) -> Sequence[Row[tuple[JobTable, str]]]:
    """Jobs, newest first, for ids grow with time; each with its user's name."""
    query = select(JobTable, UserTable.name).join(UserTable, UserTable.id == JobTable.user_id)
    if state is not None:
        query = query.where(JobTable.state == state)
    if queue is not None:
        query = query.where(JobTable.queue == queue)
    if owner is not None:
        query = query.where(JobTable.user_id == owner)
    if before is not None:
        query = query.where(JobTable.id < before)
    return session.execute(query.order_by(JobTable.id.desc()).limit(limit)).all()


def job(session: Session, job_id: str) -> tuple[JobTable, str] | None:
    query = select(JobTable, UserTable.name).join(UserTable, UserTable.id == JobTable.user_id)
    row = session.execute(query.where(JobTable.id == job_id)).one_or_none()
    return None if row is None else (row[0], row[1])


def states(session: Session) -> dict[str, int]:
    """How many recordings there are by the state of the job that speaks for them. Reads an index alone."""
    query = select(JobTable.state, func.count()).where(JobTable.latest).group_by(JobTable.state)
    return dict(session.execute(query).tuples().all())


def busy(session: Session) -> dict[str, int]:
    """How many jobs each worker is at."""
    running = JobTable.state == literal_column(f"'{JobState.RUNNING}'")
    query = select(JobTable.owner, func.count()).where(running).group_by(JobTable.owner)
    return {owner: count for owner, count in session.execute(query).tuples() if owner is not None}


def storage(session: Session) -> Sequence[Row[tuple[str, str, int, int, int, int, int]]]:
    """Of each user: id, name, recordings, bytes of their files, how many are on hold, unfinished uploads, and
    the bytes which these are to have."""
    kept = case((RecordingTable.media_removed_at.is_(None), RecordingTable.size), else_=0)
    files = (
        select(
            RecordingTable.owner_id,
            func.count().label("count"),
            whole_sum(kept).label("bytes"),
            func.count(RecordingTable.held_at).label("held"),
        )
        .group_by(RecordingTable.owner_id)
        .subquery()
    )
    bytes_of_each = func.coalesce(UploadTable.length, UploadTable.granted)
    uploads = (
        select(UploadTable.owner_id, func.count().label("count"), whole_sum(bytes_of_each).label("bytes"))
        .where(UploadTable.finished_at.is_(None))
        .group_by(UploadTable.owner_id)
        .subquery()
    )
    query = (
        select(
            UserTable.id,
            UserTable.name,
            func.coalesce(files.c.count, 0),
            func.coalesce(files.c.bytes, 0),
            func.coalesce(files.c.held, 0),
            func.coalesce(uploads.c.count, 0),
            func.coalesce(uploads.c.bytes, 0),
        )
        .outerjoin(files, files.c.owner_id == UserTable.id)
        .outerjoin(uploads, uploads.c.owner_id == UserTable.id)
        .order_by(UserTable.id)
    )
    return session.execute(query).all()
