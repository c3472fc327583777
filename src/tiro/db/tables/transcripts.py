"""Transcripts and their segments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class TranscriptTable(Table):
    """The finished result of one job. A recording has at most one that is current."""

    __tablename__ = "transcripts"
    __table_args__ = (
        Index(
            "uq_transcripts_current",
            "recording_id",
            unique=True,
            sqlite_where=text("current"),
            postgresql_where=text("current"),
        ),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    current: Mapped[bool]
    summary: Mapped[Json]
    created_at: Mapped[datetime]


class SegmentTable(Table):
    """One segment, written as soon as it is final; ``position`` counts from 0 within the job."""

    __tablename__ = "segments"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[float]
    end: Mapped[float]
    speaker: Mapped[str | None]
    language: Mapped[str | None]
    text: Mapped[str]
    confidence: Mapped[float | None]
    words: Mapped[list[Json]]
    quality: Mapped[Json | None]
