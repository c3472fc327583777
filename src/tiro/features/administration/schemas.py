"""What admins see."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from tiro.features.jobs.states import JobState, Priority


class Owner(BaseModel):
    id: str
    name: str


class AdminJob(BaseModel):
    """A job, without what it is about."""

    job_id: str
    session_id: str
    owner: Owner
    latest: bool = Field(description="Whether it speaks for its recording; else a later one does.")
    state: JobState
    stage: str | None
    priority: Priority
    attempt: int
    tries_left: int
    cancel_requested: bool
    position: float = Field(description="Seconds of the recording that are done.")
    error_code: str | None
    worker: str | None = Field(description="Who works on it.")
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class AdminJobs(BaseModel):
    """A page of all users' jobs, newest first."""

    items: list[AdminJob]
    next: str | None = Field(description="`before` of the next page; null on the last.")


class UserStorage(BaseModel):
    """What one user has here; all sizes are in bytes."""

    user_id: str
    name: str
    recordings: int
    bytes: int = Field(description="Of files that are kept.")
    held: int = Field(description="Recordings on hold.")
    uploads: int = Field(description="Resumable uploads that are not finished.")
    upload_bytes: int = Field(description="What these will have once they are.")
