"""Rows of quotas, and what counts against them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db.sums import whole_sum
from tiro.db.tables import AudioDayTable, JobTable, QuotaTable, RecordingTable, UploadTable

_ACTIVE = ("queued", "running")


def of_user(session: Session, user_id: str) -> QuotaTable | None:
    return session.get(QuotaTable, user_id)


def everyone(session: Session) -> dict[str, QuotaTable]:
    return {row.user_id: row for row in session.scalars(select(QuotaTable))}


def put(session: Session, row: QuotaTable) -> None:
    session.merge(row)


def stored_bytes(session: Session, user_id: str) -> int:
    """Of the user's recordings whose files are here; answered from an index alone."""
    query = select(whole_sum(RecordingTable.size)).where(
        RecordingTable.owner_id == user_id, RecordingTable.media_removed_at.is_(None)
    )
    return session.scalar(query) or 0


def on_the_way(session: Session, user_id: str) -> tuple[int, int]:
    """The user's unfinished uploads: how many, and the bytes that they will have, or so far may have."""
    bytes_of_each = func.coalesce(UploadTable.length, UploadTable.granted)
    query = select(func.count(), func.coalesce(whole_sum(bytes_of_each), 0)).where(
        UploadTable.owner_id == user_id, UploadTable.finished_at.is_(None)
    )
    count, length = session.execute(query).one()
    return count, length


def active_jobs(session: Session, user_id: str) -> int:
    query = select(func.count()).where(
        JobTable.user_id == user_id, JobTable.latest, JobTable.state.in_(_ACTIVE)
    )
    return session.scalar(query) or 0


def audio_seconds(session: Session, user_id: str, day: str) -> float:
    row = session.get(AudioDayTable, (user_id, day))
    return 0.0 if row is None else row.seconds


def add_audio(session: Session, user_id: str, day: str, seconds: float) -> None:
    """``seconds`` may be less than 0, to take back; the sum never is."""
    values: dict[str, Any] = {"user_id": user_id, "day": day, "seconds": max(seconds, 0.0)}
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = dialect.insert(AudioDayTable).values(values)
    total = AudioDayTable.seconds + seconds
    least = func.greatest(total, 0.0) if dialect is postgresql else func.max(total, 0.0)
    session.execute(row.on_conflict_do_update(index_elements=["user_id", "day"], set_={"seconds": least}))


def claimed(session: Session, recording_id: str) -> tuple[str, float] | None:
    """Whose recording it is, and its length in seconds as its file claims."""
    query = select(RecordingTable.owner_id, RecordingTable.media).where(RecordingTable.id == recording_id)
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    return row.owner_id, (row.media or {}).get("claimed_duration") or 0.0
