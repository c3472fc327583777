"""Jobs and the windows they have recorded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class JobTable(Table):
    """One run over a recording. The row is the truth; every message about it is only a hint.

    A claim raises ``attempt`` (the fencing number that every write of a result must match), lowers
    ``tries_left`` and sets the lease. A graceful stop gives the try back. ``latest`` marks the job that
    speaks for its recording, which is ``user_id``'s. ``defaults`` are the user's as they were when it was
    made: each attempt must hear the same.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_claim", "state", "priority", "queued_at"),
        Index("ix_jobs_latest", "user_id", "latest", "state", "recording_id"),
        Index("ix_jobs_listed", "user_id", "latest", "recording_id"),
        Index("ix_jobs_recording", "recording_id", "latest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    latest: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str]
    stage: Mapped[str | None]
    priority: Mapped[int]
    options: Mapped[Json]
    defaults: Mapped[Json | None]
    attempt: Mapped[int] = mapped_column(default=0)
    tries_left: Mapped[int]
    lease_until: Mapped[datetime | None]
    owner: Mapped[str | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    position: Mapped[float] = mapped_column(default=0.0)
    plan: Mapped[Json | None]
    media: Mapped[Json | None]
    layout: Mapped[Json | None]
    error: Mapped[Json | None]
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    busy_seconds: Mapped[float] = mapped_column(default=0.0)


class WindowTable(Table):
    """What one window gave, kept while the job runs so that a restarted one goes on after it."""

    __tablename__ = "windows"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column("position", primary_key=True)
    attempt: Mapped[int]
    result: Mapped[Json]
