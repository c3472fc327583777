"""Resumable uploads: what was announced, and what became of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class UploadTable(Table):
    """An upload that comes in pieces. How much of it is here only its file knows, for that is the truth
    whatever dies.

    ``recording_id`` is chosen once all is here, before the recording is made: whoever finishes the upload
    after a crash makes the same one. ``finished_at`` is set together with the recording, or with the
    ``error`` for which the file was refused. ``token`` is the Idempotency-Key under which it was announced.
    """

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_token", "owner_id", "token", unique=True),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    length: Mapped[int] = mapped_column(BigInteger)
    sent_metadata: Mapped[str]
    recording_id: Mapped[str | None]
    error: Mapped[Json | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    token: Mapped[str | None]
