"""Rows of jobs that wait: in which order they are taken, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from tiro.db import moment
from tiro.db.tables import JobTable
from tiro.features.jobs.states import FIRST_STAGE, JobQueue, JobState, Priority
from tiro.features.jobs.turns import next_turn

# In so many words, for a partial index serves only those who name its condition in the statement itself.
_QUEUED: ColumnElement[bool] = JobTable.state == literal_column(f"'{JobState.QUEUED}'")
_READY = (_QUEUED, JobTable.paused_until.is_(None))
_ORDER = (JobTable.priority, JobTable.turn, JobTable.id)
_PAUSED = "paused"  # no queue has that name


def turn(session: Session, user_id: str, queue: str, priority: int) -> int:
    """The turn of one more job of a user: where the queue is now, or after the user's last."""
    lane = (JobTable.queue == queue, JobTable.priority == priority)
    now = select(JobTable.turn).where(*_READY, *lane).order_by(JobTable.turn).limit(1).scalar_subquery()
    own = select(func.max(JobTable.turn)).where(_QUEUED, JobTable.user_id == user_id, *lane)
    least, last = session.execute(select(now, own.scalar_subquery())).one()
    return next_turn(least, last)


def look(
    session: Session, queues: tuple[str, ...], engines: tuple[str, ...] | None
) -> tuple[Sequence[str], bool]:
    """What there is to do, found in one statement, for every job begins with it.

    Returns:
        Those of ``queues`` in which a job waits for one of ``engines`` (None: any), in the order in which
        they are to be served: by the priority of their first jobs, then by how long these have waited (turns
        are comparable within a queue only). And whether some job has paused for long enough.
    """
    found = session.execute(_look(queues, engines)).tuples().all()
    waiting = [row for row in found if row[0] != _PAUSED]
    over = any(until <= moment.now(session) for name, _, until in found if name == _PAUSED)
    return [name for name, _priority, _since in sorted(waiting, key=lambda row: (row[1], row[2]))], over


@cache
def _look(queues: tuple[str, ...], engines: tuple[str, ...] | None) -> Any:
    """The first of each queue, and of those that pause."""
    firsts = [
        select(literal(queue).label("queue"), JobTable.priority, JobTable.queued_at)
        .where(*_READY, JobTable.queue == queue, *_suits(engines))
        .order_by(*_ORDER)
        .limit(1)
        .subquery()
        for queue in queues
    ]
    pause = (
        select(literal(_PAUSED).label("queue"), JobTable.priority, JobTable.paused_until.label("queued_at"))
        .where(_QUEUED, JobTable.paused_until.is_not(None))
        .order_by(JobTable.paused_until)
        .limit(1)
        .subquery()
    )
    parts = (*firsts, pause)
    return union_all(*(select(part.c.queue, part.c.priority, part.c.queued_at) for part in parts))


def claim(
    session: Session, queue: str, engines: tuple[str, ...] | None, owner: str, lease_seconds: float
) -> JobTable | None:
    """Take the first job that waits in the queue. One statement, so never twice; a row that another is about
    to take is stepped over."""
    change = _claim(session.get_bind().dialect.name, engines, lease_seconds)
    return session.scalar(change, {"wanted": queue, "by": owner})


@cache
def _claim(
    database: str, engines: tuple[str, ...] | None, lease_seconds: float
) -> ReturningUpdate[tuple[JobTable]]:
    return (
        update(JobTable)
        .where(JobTable.id == _first(engines), _QUEUED)
        .values(
            state=JobState.RUNNING,
            stage=FIRST_STAGE,
            attempt=JobTable.attempt + 1,
            tries_left=JobTable.tries_left - 1,
            lease_until=moment.later(database, lease_seconds),
            owner=bindparam("by"),
            started_at=func.coalesce(JobTable.started_at, moment.later(database, 0)),
        )
        .returning(JobTable)
        .execution_options(synchronize_session=False)
    )


def _first(engines: tuple[str, ...] | None) -> Any:
    return (
        select(JobTable.id)
        .where(*_READY, JobTable.queue == bindparam("wanted"), *_suits(engines))
        .order_by(*_ORDER)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


def _suits(engines: tuple[str, ...] | None) -> tuple[ColumnElement[bool], ...]:
    return () if engines is None else (JobTable.engine.in_(engines),)


def end_pauses(session: Session) -> None:
    session.execute(
        update(JobTable)
        .where(_QUEUED, JobTable.paused_until <= moment.after(session, 0))
        .values(paused_until=None)
        .execution_options(synchronize_session=False)
    )


def count(session: Session, limit: int) -> int:
    """How many wait, paused or not; beyond ``limit`` nobody counts."""
    some = select(literal(1)).where(_QUEUED).limit(limit).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def load(session: Session) -> dict[tuple[str, int], tuple[int, datetime | None]]:
    """By queue and priority: how many wait, paused or not, and since when the first could run. Reads indexes
    of waiting jobs alone."""
    found = {(queue, rank): (count, oldest) for queue, rank, count, oldest in session.execute(_load())}
    lane = (JobTable.queue, JobTable.priority)
    paused = select(*lane, func.count()).where(_QUEUED, JobTable.paused_until.is_not(None)).group_by(*lane)
    for queue, rank, count in session.execute(paused):
        before, oldest = found[queue, rank]
        found[queue, rank] = (before + count, oldest)
    return found


@cache
def _load() -> Any:
    """Each lane by itself: its first is found at once, and a plain count is faster than groups."""
    lanes = []
    for queue in JobQueue:
        for priority in Priority:
            here = (*_READY, JobTable.queue == queue, JobTable.priority == priority.rank)
            first = select(JobTable.queued_at).where(*here).order_by(JobTable.queued_at).limit(1)
            lanes.append(
                select(
                    literal(queue.value),
                    literal(priority.rank),
                    select(func.count()).select_from(JobTable).where(*here).scalar_subquery(),
                    first.scalar_subquery(),
                )
            )
    return union_all(*lanes)


def kinds(session: Session, queues: Sequence[str]) -> Sequence[tuple[str, str]]:
    """The queues and engines for which a job is ready: of each queue those of its first thousand."""
    found: set[tuple[str, str]] = set()
    for queue in queues:
        found.update(session.execute(_kinds(), {"wanted": queue}).tuples())
    return sorted(found)


@cache
def _kinds() -> Select[tuple[str, str]]:
    first = (
        select(JobTable.queue, JobTable.engine)
        .where(*_READY, JobTable.queue == bindparam("wanted"))
        .order_by(*_ORDER)
        .limit(1000)
        .subquery()
    )
    return select(first.c.queue, first.c.engine).distinct()
