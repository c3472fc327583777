"""Jobs and the windows they have recorded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table

_QUEUED = "state = 'queued'"


def _index(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class JobTable(Table):
    """One run over a recording. The row is the truth; every message about it is only a hint.

    A claim raises ``attempt`` (the fencing number that every write of a result must match), lowers
    ``tries_left`` and sets the lease. A graceful stop gives the try back. ``latest`` marks the job that
    speaks for its recording, which is ``user_id``'s. A waiting job is taken by the order of its ``priority``
    and its ``turn``, which is dealt out so that no user's batch keeps another user waiting.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        # The partial ones hold what a claim, a sweep and a look at the queue read, and nothing else: they
        # stay as small as the queue is, however many jobs have ended.
        _index("ix_jobs_claim", f"{_QUEUED} AND paused_until IS NULL", "queue", "priority", "turn", "id"),
        _index("ix_jobs_waiting", f"{_QUEUED} AND paused_until IS NULL", "queue", "queued_at"),
        _index("ix_jobs_turns", _QUEUED, "user_id", "queue", "priority", "turn"),
        _index("ix_jobs_paused", f"{_QUEUED} AND paused_until IS NOT NULL", "paused_until"),
        _index("ix_jobs_leased", "state = 'running'", "lease_until"),
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
    queue: Mapped[str] = mapped_column(default="cpu")
    engine: Mapped[str] = mapped_column(default="auto")
    """The engine's name without its model: which workers can do it."""
    priority: Mapped[int]
    turn: Mapped[int] = mapped_column(BigInteger, default=0)
    paused_until: Mapped[datetime | None]
    """Until then a job that is tried again is out of everybody's way."""
    options: Mapped[Json]
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


class WorkerTable(Table):
    """A worker that is alive, or was a moment ago: its heartbeat keeps ``seen_at`` fresh."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    queues: Mapped[list[str]] = mapped_column(JSON)
    engines: Mapped[list[str] | None] = mapped_column(JSON)
    """Null where it takes jobs for whichever engine."""
    slots: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class RoundTable(Table):
    """Work that is done again and again, by one process at a time: whoever moves ``next_at`` does it."""

    __tablename__ = "rounds"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]
