"""Recordings that are kept for long enough, and what users chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import Session

from tiro.db.tables import JobTable, RecordingTable, RetentionTable
from tiro.features.jobs.states import JobState


@dataclass(frozen=True, slots=True)
class Ages:
    """For how many days recordings are kept: those of some users, and of all others (None: for ever)."""

    some: Mapping[int, set[str]]
    others: int | None

    @property
    def least(self) -> int | None:
        return min([*self.some, *([] if self.others is None else [self.others])], default=None)


def choice(session: Session, user_id: str) -> RetentionTable | None:
    return session.get(RetentionTable, user_id)


def choices(session: Session) -> Sequence[RetentionTable]:
    return session.scalars(select(RetentionTable)).all()


def choose(session: Session, row: RetentionTable) -> None:
    session.merge(row)


def recording(session: Session, recording_id: str) -> RecordingTable | None:
    return session.get(RecordingTable, recording_id)


def old_recordings(
    session: Session, ages: Ages, now: datetime, owner: str | None, limit: int
) -> Sequence[RecordingTable]:
    """Recordings that are old enough, the oldest first: not those on hold, nor those with work to do.

    Args:
        owner: only this user's.
    """
    if ages.least is None:
        return []
    ended = JobTable.state.in_([state for state in JobState if state.ended])
    return session.scalars(_old(ages, ages.least, now, owner).where(ended).limit(limit)).all()


def old_media(
    session: Session, ages: Ages, now: datetime, owner: str | None, limit: int, grace: timedelta
) -> Sequence[RecordingTable]:
    """As ``old_recordings``, those that still have a file. Where the last job made no transcript, it stays
    for ``grace`` after that."""
    if ages.least is None:
        return []
    unfinished = JobTable.state.in_([JobState.FAILED, JobState.CANCELLED])
    query = _old(ages, ages.least, now, owner).where(
        RecordingTable.media_removed_at.is_(None),
        or_(JobTable.state == JobState.COMPLETED, and_(unfinished, JobTable.finished_at <= now - grace)),
    )
    return session.scalars(query.limit(limit)).all()


def _old(ages: Ages, least: int, now: datetime, owner: str | None) -> Select[tuple[RecordingTable]]:
    def before(days: int) -> ColumnElement[bool]:
        return RecordingTable.created_at <= now - timedelta(days=days)

    groups = [and_(RecordingTable.owner_id.in_(users), before(days)) for days, users in ages.some.items()]
    if ages.others is not None:
        apart = {user_id for users in ages.some.values() for user_id in users}
        groups.append(and_(RecordingTable.owner_id.not_in(apart), before(ages.others)))
    query = (
        select(RecordingTable)
        .join(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        .where(
            before(least),  # what all groups have in common: an index finds these
            or_(*groups),
            RecordingTable.held_at.is_(None),
            RecordingTable.passing == false(),
        )
        .order_by(RecordingTable.created_at)
    )
    return query if owner is None else query.where(RecordingTable.owner_id == owner)
