"""Recordings that are kept for long enough, and what users chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from tiro.db.tables import JobTable, RecordingTable, RetentionTable
from tiro.features.jobs.states import JobState


@dataclass(frozen=True, slots=True)
class Ages:
    """For how many days recordings are kept: those of some users, and of all others (None: for ever)."""

    some: Mapping[int, set[str]]
    others: int | None

    def groups(self, now: datetime) -> Iterator[tuple[ColumnElement[bool], datetime]]:
        """Whose recordings go that are not younger than what."""
        for days, users in self.some.items():
            yield RecordingTable.owner_id.in_(users), now - timedelta(days=days)
        if self.others is not None:
            apart = {user_id for users in self.some.values() for user_id in users}
            yield RecordingTable.owner_id.not_in(apart), now - timedelta(days=self.others)


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
) -> list[RecordingTable]:
    """Recordings that are old enough, the oldest first: not those on hold, nor those with work to do.

    Args:
        owner: only this user's.
    """
    ended = JobTable.state.in_([state for state in JobState if state.ended])
    return _old(session, ages, now, owner, limit, [_latest_job(ended)])


def old_media(
    session: Session, ages: Ages, now: datetime, owner: str | None, limit: int, grace: timedelta
) -> list[RecordingTable]:
    """As ``old_recordings``, those that still have a file. Where the last job made no transcript, it stays
    for ``grace`` after that."""
    unfinished = JobTable.state.in_([JobState.FAILED, JobState.CANCELLED])
    over = or_(JobTable.state == JobState.COMPLETED, and_(unfinished, JobTable.finished_at <= now - grace))
    wanted = [RecordingTable.media_removed_at.is_(None), _latest_job(over)]
    return _old(session, ages, now, owner, limit, wanted)


def _latest_job(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Asked of each recording that is old enough: a join would begin with all jobs."""
    latest = select(JobTable.id).where(JobTable.recording_id == RecordingTable.id, JobTable.latest)
    return latest.where(condition).exists()


def _old(
    session: Session,
    ages: Ages,
    now: datetime,
    owner: str | None,
    limit: int,
    wanted: Sequence[ColumnElement[bool]],
) -> list[RecordingTable]:
    """One query for each group: an index finds what is old enough of each, but not of several at once."""
    found: list[RecordingTable] = []
    for whose, before in ages.groups(now):
        query = select(RecordingTable).where(
            whose,
            RecordingTable.created_at <= before,
            RecordingTable.held_at.is_(None),
            RecordingTable.passing == false(),
            *wanted,
        )
        if owner is not None:
            query = query.where(RecordingTable.owner_id == owner)
        found += session.scalars(query.order_by(RecordingTable.created_at).limit(limit))
    return sorted(found, key=lambda row: row.created_at)[:limit]
