"""What of a user's recordings changes."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, true
from sqlalchemy.orm import Session

from tiro.db.tables import JobTable, RecordingTable

_RECORDINGS = RecordingTable.metadata.tables[RecordingTable.__tablename__]
_OWNER = select(_RECORDINGS.c.owner_id).where(_RECORDINGS.c.id == bindparam("recording"))


def owner(session: Session, recording_id: str) -> str | None:
    return session.scalar(_OWNER, {"recording": recording_id})


def counts(session: Session, owner_id: str) -> dict[str, int]:
    """How many recordings are in each state."""
    query = (
        select(JobTable.state, func.count())
        .where(JobTable.user_id == owner_id, JobTable.latest == true())
        .group_by(JobTable.state)
    )
    return dict(session.execute(query).tuples().all())
