"""Resumable uploads: what was announced, and what became of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class UploadTable(Table):
    """An upload that comes in pieces. How much of it is here only its file knows, for that is the truth
    whatever dies.

    ``recording_id`` is chosen once all is here, before the recording is made: whoever comes after a crash
    takes back what was made under it, and then chooses anew, so that of two who finish only one can.
    ``finished_at`` is set together with the recording, or with the ``error`` for which the file was refused.
    ``token`` is the Idempotency-Key under which it was announced. ``length`` is not there until the
    sender knows it; until then ``granted`` bytes count against the owner's quota.

    Where several servers share the database, ``holder`` is the request that works on it until ``held_until``,
    and ``wanted`` says that another waits for it.
    """

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_token", "owner_id", "token", unique=True),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    length: Mapped[int | None] = mapped_column(BigInteger)
    granted: Mapped[int] = mapped_column(BigInteger, default=0)
    sent_metadata: Mapped[str]
    recording_id: Mapped[str | None]
    error: Mapped[Json | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    token: Mapped[str | None]
    holder: Mapped[str | None]
    held_until: Mapped[datetime | None]
    wanted: Mapped[bool] = mapped_column(default=False)
