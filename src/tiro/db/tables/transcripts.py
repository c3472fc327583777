"""Transcripts and their segments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class TranscriptTable(Table):
    """The finished result of one job. A recording has at most one that is current.

    ``version`` grows with each edit, and from one transcript of the recording to the next: ``first_version``
    is the one with which this began. ``speakers`` are the names that people gave to the speakers, by label.
    No segment gets a number that one had before: ``next_position`` is the next one's.
    """

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
    version: Mapped[int]
    first_version: Mapped[int]
    speakers: Mapped[Json] = mapped_column(default=dict)
    next_position: Mapped[int]
    created_at: Mapped[datetime]


class SegmentTable(Table):
    """One segment, written as soon as it is final; ``position`` counts from 0 within the job, and stays what
    it is when segments before it are split or merged: the order is that of ``start``."""

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


class EditTable(Table):
    """What one edit changed: ``before`` and ``after`` are the segments that are not the same, whole, by their
    number (as text, for JSON has no other keys), with null for one that was not there. ``names`` are the
    speakers' names that changed, each as it was and as it is."""

    __tablename__ = "edits"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("transcripts.job_id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    """That it made."""
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    undoes: Mapped[int | None]
    before: Mapped[Json]
    after: Mapped[Json]
    names: Mapped[Json]
    created_at: Mapped[datetime]
