"""Rows of the event log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Delete, bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from tiro.db.postgresql import lock_log
from tiro.db.tables import EventTable
from tiro.db.tables.base import Json

_EVENTS = EventTable.metadata.tables[EventTable.__tablename__]
# Built once, and plain: this is written more often than anything else. The numbers are asked for by nobody.
_APPEND = insert(_EVENTS).inline()


def append(session: Session, recording_id: str, lines: Sequence[tuple[str, Json]], at: datetime) -> None:
    """In this order. Each line is its kind and its data."""
    if session.get_bind().dialect.name == "postgresql":
        lock_log(session, recording_id)
    rows = [
        {"recording_id": recording_id, "type": kind, "data": data, "created_at": at} for kind, data in lines
    ]
    session.execute(_APPEND, rows)


def last(session: Session, recording_id: str) -> int:
    """The number of the last event; 0 where there is none."""
    return (
        session.scalar(select(func.max(EventTable.seq)).where(EventTable.recording_id == recording_id)) or 0
    )


def thin_out(session: Session, recording_id: str, kinds: Sequence[str]) -> None:
    """Delete all events of these kinds but the last of each."""
    session.execute(_thin_out(tuple(kinds)), {"recording": recording_id})


@cache
def _thin_out(kinds: tuple[str, ...]) -> Delete:
    mine = (_EVENTS.c.recording_id == bindparam("recording"), _EVENTS.c.type.in_(kinds))
    newest = select(func.max(_EVENTS.c.seq)).where(*mine).group_by(_EVENTS.c.type)
    return delete(_EVENTS).where(*mine, _EVENTS.c.seq.not_in(newest))


def after(session: Session, recording_id: str, seq: int, limit: int) -> Sequence[EventTable]:
    query = (
        select(EventTable)
        .where(EventTable.recording_id == recording_id, EventTable.seq > seq)
        .order_by(EventTable.seq)
        .limit(limit)
    )
    return session.scalars(query).all()
