"""Rows of quotas, and what counts against them."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Insert, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db.sums import whole_sum
from tiro.db.tables import AudioDayTable, JobTable, QuotaTable, RecordingTable, UploadTable

_ACTIVE = ("queued", "running")
_CLAIMED = select(RecordingTable.owner_id, RecordingTable.media).where(
    RecordingTable.id == bindparam("recording")
)


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
    row = {"user_id": user_id, "day": day, "seconds": max(seconds, 0.0), "more": seconds}
    session.execute(_add_audio(session.get_bind().dialect.name), row)


@cache
def _add_audio(database: str) -> Insert:
    """Built once: every job that ends says how much it was."""
    table = AudioDayTable.metadata.tables[AudioDayTable.__tablename__]
    dialect, greatest = (postgresql, func.greatest) if database == "postgresql" else (sqlite, func.max)
    row = dialect.insert(table).values({column.name: bindparam(column.name) for column in table.c})
    total = greatest(table.c.seconds + bindparam("more", type_=table.c.seconds.type), 0.0)
    added: Insert = row.on_conflict_do_update(index_elements=["user_id", "day"], set_={"seconds": total})
    return added


def claimed(session: Session, recording_id: str) -> tuple[str, float] | None:
    """Whose recording it is, and its length in seconds as its file claims."""
    row = session.execute(_CLAIMED, {"recording": recording_id}).one_or_none()
    if row is None:
        return None
    return row.owner_id, (row.media or {}).get("claimed_duration") or 0.0
