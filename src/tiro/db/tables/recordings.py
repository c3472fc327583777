"""Recordings: what was sent in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class RecordingTable(Table):
    """One uploaded file. Its bytes are in storage under ``id``; ``filename`` is only ever text."""

    __tablename__ = "recordings"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(index=True)
    media: Mapped[Json | None]
    created_at: Mapped[datetime]
