"""Rows of the event log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tiro.db.tables import EventTable
from tiro.db.tables.base import Json


def append(session: Session, recording_id: str, kind: str, data: Json, at: datetime) -> None:
    session.add(EventTable(recording_id=recording_id, type=kind, data=data, created_at=at))


def after(session: Session, recording_id: str, seq: int, limit: int) -> Sequence[EventTable]:
    query = (
        select(EventTable)
        .where(EventTable.recording_id == recording_id, EventTable.seq > seq)
        .order_by(EventTable.seq)
        .limit(limit)
    )
    return session.scalars(query).all()
