"""What users set for all their recordings."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class TranscriptionDefaultsTable(Table):
    """What a user's recordings are transcribed with where a request does not say otherwise."""

    __tablename__ = "transcription_defaults"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    vocabulary: Mapped[list[str]] = mapped_column(JSON)
    prompt: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None]
