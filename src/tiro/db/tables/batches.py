"""Batches: recordings that were sent as one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class BatchTable(Table):
    """Files that one user sent together; which recordings they became says ``BatchFileTable``.

    ``token`` is the Idempotency-Key under which it was made. Once its request has come to its end,
    ``fingerprint`` tells whether another is the same, and ``results`` is what was answered, file by file.
    """

    __tablename__ = "batches"
    __table_args__ = (
        Index("ix_batches_owner", "owner_id", "id"),
        Index("uq_batches_token", "owner_id", "token", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str]
    token: Mapped[str | None]
    fingerprint: Mapped[str | None]
    results: Mapped[list[Json]]
    created_at: Mapped[datetime]


class BatchFileTable(Table):
    """A recording that belongs to a batch, of the same owner."""

    __tablename__ = "batch_files"
    __table_args__ = (Index("ix_batch_files_batch", "batch_id", "recording_id"),)

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
