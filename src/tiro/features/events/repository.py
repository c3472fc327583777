"""Rows of the event log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tiro.db.postgresql import lock_log
from tiro.db.tables import EventTable
from tiro.db.tables.base import Json


def append(session: Session, recording_id: str, kind: str, data: Json, at: datetime) -> None:
    if session.get_bind().dialect.name == "postgresql":
        lock_log(session, recording_id)
    session.add(EventTable(recording_id=recording_id, type=kind, data=data, created_at=at))


def last(session: Session, recording_id: str) -> int:
    """The number of the last event; 0 where there is none."""
    return (
        session.scalar(select(func.max(EventTable.seq)).where(EventTable.recording_id == recording_id)) or 0
    )


def thin_out(session: Session, recording_id: str, kind: str) -> None:
    """Delete all events of a kind but the last."""
    mine = (EventTable.recording_id == recording_id, EventTable.type == kind)
    newest = select(func.max(EventTable.seq)).where(*mine).scalar_subquery()
    session.execute(delete(EventTable).where(*mine, EventTable.seq != newest))


def after(session: Session, recording_id: str, seq: int, limit: int) -> Sequence[EventTable]:
    query = (
        select(EventTable)
        .where(EventTable.recording_id == recording_id, EventTable.seq > seq)
        .order_by(EventTable.seq)
        .limit(limit)
    )
    return session.scalars(query).all()
