"""How long what is kept, and what would go now. Looks, and removes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from tiro.db.session import Database
from tiro.db.tables import RecordingTable, RetentionTable
from tiro.errors import InvalidRequest
from tiro.features.audit.service import Action, record
from tiro.features.retention import repository
from tiro.features.retention.repository import Ages
from tiro.kit import clock

GRACE = timedelta(days=7)
"""For so long after its last job a file is kept of which no transcript came: somebody may try it again."""

_MOST = 10_000

Part = Literal["media", "recording"]


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days files are kept, and whole recordings with their text; None is for ever. A file that
    is kept for 0 days goes as soon as its transcript is finished."""

    media_days: int | None = None
    recording_days: int | None = None

    def within(self, limits: Policy) -> Policy:
        """Where both say something, the less."""
        return Policy(
            _least(self.media_days, limits.media_days), _least(self.recording_days, limits.recording_days)
        )


@dataclass(frozen=True, slots=True)
class Due:
    """What is to go: a recording's file, or the recording with it. ``size`` is the file's in bytes, 0 where
    it has gone before."""

    part: Part
    recording_id: str
    owner_id: str
    created_at: datetime
    size: int
    days: int


class RetentionPlan:
    """The policies of the server and of its users.

    Args:
        limits: the server's policy; users may have less kept, never more.
    """

    def __init__(self, database: Database, limits: Policy) -> None:
        self.limits = limits
        self._database = database

    def chosen(self, user_id: str) -> Policy:
        """What a user chose; the server may allow less by now."""
        with self._database.read() as session:
            return _policy(repository.choice(session, user_id))

    def choose(self, user_id: str, chosen: Policy) -> None:
        """Raises InvalidRequest where it is more than the server allows."""
        for name, days in asdict(chosen).items():
            most = getattr(self.limits, name)
            if days is not None and most is not None and days > most:
                raise InvalidRequest(f"{name}: this server keeps no more than {most} days.")
        row = RetentionTable(
            user_id=user_id, media_days=chosen.media_days, recording_days=chosen.recording_days
        )
        with self._database.write() as session:
            repository.choose(session, row)
            record(session, Action.RETENTION_CHANGED, user_id, owner=user_id, **asdict(chosen))

    def due(
        self, *, owner: str | None = None, supposed: Policy | None = None, limit: int = _MOST
    ) -> list[Due]:
        """What is to go now, the oldest first; no file whose recording goes too.

        Args:
            owner: only this user's.
            supposed: as if the owner had chosen this, or without an owner, as if it were the server's policy.
            limit: how many recordings, and how many files, at most.
        """
        limits = self.limits if supposed is None or owner is not None else supposed
        now = clock.now()
        with self._database.read() as session:
            chosen = {row.user_id: _policy(row) for row in repository.choices(session)}
            if supposed is not None and owner is not None:
                chosen[owner] = supposed
            policies = {user_id: policy.within(limits) for user_id, policy in chosen.items()}
            days = {user_id: policy.recording_days for user_id, policy in policies.items()}
            ages = _ages(days, limits.recording_days)
            rows = repository.old_recordings(session, ages, now, owner, limit)
            found = list(_due("recording", rows, days, limits.recording_days))
            gone = {due.recording_id for due in found}
            days = {user_id: policy.media_days for user_id, policy in policies.items()}
            ages = _ages(days, limits.media_days)
            rows = repository.old_media(session, ages, now, owner, limit, GRACE)
            media = _due("media", rows, days, limits.media_days)
            return found + [due for due in media if due.recording_id not in gone]


def _ages(days: Mapping[str, int | None], others: int | None) -> Ages:
    some: dict[int, set[str]] = defaultdict(set)
    for user_id, count in days.items():
        if count is not None and count != others:
            some[count].add(user_id)
    return Ages(some, others)


def _due(
    part: Part, rows: Iterable[RecordingTable], days: Mapping[str, int | None], others: int | None
) -> Iterable[Due]:
    for row in rows:
        count = days.get(row.owner_id, others)
        assert count is not None
        size = 0 if row.media_removed_at else row.size
        yield Due(part, row.id, row.owner_id, row.created_at, size, count)


def _policy(row: RetentionTable | None) -> Policy:
    return Policy(row.media_days, row.recording_days) if row else Policy()


def _least(one: int | None, other: int | None) -> int | None:
    return min((days for days in (one, other) if days is not None), default=None)
