"""Recordings: what was sent in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class RecordingTable(Table):
    """One uploaded file. Its bytes are in storage under ``id``; ``filename`` is only ever text."""

    __tablename__ = "recordings"
    __table_args__ = (
        Index("ix_recordings_owner", "owner_id", "id"),
        Index("ix_recordings_stored", "owner_id", "media_removed_at", "size"),
        Index("ix_recordings_kept", "owner_id", "media_removed_at", "created_at"),
        Index("ix_recordings_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(index=True)
    media: Mapped[Json | None]
    passing: Mapped[bool]
    """Kept only while its request is open; nobody can ask for it after a restart."""
    created_at: Mapped[datetime]
    held_at: Mapped[datetime | None]
    """Since then it is neither deleted nor purged, whoever asks."""
    media_removed_at: Mapped[datetime | None]
    """Since then there are no bytes; what was made of them stays."""
