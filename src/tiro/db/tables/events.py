"""The log of what happened, from which every live view is fed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class EventTable(Table):
    """One event; ``seq`` only ever grows, so that a client names the last one it saw and misses nothing."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_recording", "recording_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    type: Mapped[str]
    data: Mapped[Json]
    created_at: Mapped[datetime]
