"""Rows of jobs and of the windows that they have recorded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ClauseElement,
    CursorResult,
    Select,
    Update,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.tables import JobTable, WindowTable
from tiro.db.tables.base import Json
from tiro.features.jobs.states import JobState

_JOBS = JobTable.metadata.tables[JobTable.__tablename__]
_WINDOWS = JobTable.metadata.tables[WindowTable.__tablename__]
_FORGET_WINDOWS = delete(_WINDOWS).where(_WINDOWS.c.job_id == bindparam("job"))

# In so many words, for the sake of a partial index.
_RUNNING = JobTable.state == literal_column(f"'{JobState.RUNNING}'")


def add(session: Session, job: JobTable) -> None:
    """Add ``job`` as the one that speaks for its recording."""
    session.execute(
        update(JobTable)
        .where(JobTable.recording_id == job.recording_id, JobTable.latest)
        .values(latest=False)
    )
    session.add(job)
    session.flush()


def latest(session: Session, recording_id: str, *, lock: bool = False) -> JobTable | None:
    """Args:
    lock: keep it as it is found until the transaction ends; a worker may be about to change it.
    """
    query = select(JobTable).where(JobTable.recording_id == recording_id, JobTable.latest)
    return session.scalar(_for_update(query) if lock else query)


def locked(session: Session, job_id: str) -> JobTable | None:
    """The job as it is until the transaction ends."""
    return session.scalar(_for_update(select(JobTable).where(JobTable.id == job_id)))


def _for_update(query: Select[tuple[JobTable]]) -> Select[tuple[JobTable]]:
    return query.with_for_update().execution_options(populate_existing=True)


def state(session: Session, recording_id: str) -> str | None:
    query = select(JobTable.state).where(JobTable.recording_id == recording_id, JobTable.latest)
    return session.scalar(query)


def change_claimed(session: Session, job_id: str, attempt: int, **values: Any) -> bool:
    """Change a job that is still ours; False where another attempt owns it or it is not running any more."""
    plain = {name: value for name, value in values.items() if not isinstance(value, ClauseElement)}
    statement = _change(tuple(plain))
    if len(plain) < len(values):
        statement = statement.values({name: values[name] for name in values.keys() - plain.keys()})
    result = session.execute(statement, {"which": job_id, "ours": attempt, **plain})
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


@cache
def _change(names: tuple[str, ...]) -> Update:
    """Built once for each set of columns: it takes longer to build than to carry out."""
    return (
        update(_JOBS)
        .where(
            _JOBS.c.id == bindparam("which"),
            _JOBS.c.attempt == bindparam("ours"),
            _JOBS.c.state == JobState.RUNNING,
        )
        .values({name: bindparam(name, type_=_JOBS.c[name].type) for name in names})
    )


def expired(session: Session) -> Sequence[JobTable]:
    """Running jobs whose lease is over, locked; those that another process frees just now are left to it."""
    late = (_RUNNING, JobTable.lease_until < moment.after(session, 0))
    return _locked(session, select(JobTable).where(*late))


def running(session: Session) -> Sequence[JobTable]:
    """Locked, as above."""
    return _locked(session, select(JobTable).where(_RUNNING))


def _locked(session: Session, query: Select[tuple[JobTable]]) -> Sequence[JobTable]:
    # By their ids, so that two who lock several never wait for each other.
    return session.scalars(query.order_by(JobTable.id).with_for_update(skip_locked=True)).all()


def wishes(session: Session, job_ids: Sequence[str]) -> dict[str, bool]:
    """Of each job that is there, whether it is to be cancelled."""
    query = select(JobTable.id, JobTable.cancel_requested).where(JobTable.id.in_(job_ids))
    return dict(session.execute(query).tuples().all())


def running_by_queue(session: Session) -> dict[str, int]:
    """How many jobs run."""
    query = select(JobTable.queue, func.count()).where(_RUNNING).group_by(JobTable.queue)
    return dict(session.execute(query).tuples().all())


def record_window(session: Session, job_id: str, index: int, attempt: int, result: Json) -> None:
    session.add(WindowTable(job_id=job_id, index=index, attempt=attempt, result=result))


def windows(session: Session, job_id: str) -> Sequence[WindowTable]:
    query = select(WindowTable).where(WindowTable.job_id == job_id).order_by(WindowTable.index)
    return session.scalars(query).all()


def forget_windows(session: Session, job_id: str) -> None:
    session.execute(_FORGET_WINDOWS, {"job": job_id})
