"""What admins see."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from tiro.features.jobs.states import JobQueue, JobState, Priority


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
    queue: JobQueue
    engine: str = Field(description="Without its model.")
    waits_for: str | None = Field(description="What no worker that is alive can give it.")
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


class QueueLoad(BaseModel):
    """What a job needs of the machine that does it, and how many do."""

    queue: JobQueue
    queued: int
    running: int
    workers: int = Field(description="Those that take jobs of this queue.")
    oldest_seconds: float = Field(description="How long the job has waited that waits longest.")


class AliveWorker(BaseModel):
    """A process that takes jobs."""

    id: str
    host: str
    queues: list[str]
    engines: list[str] | None = Field(description="null: whichever.")
    slots: int = Field(description="Jobs at once.")
    busy: int


class JobQueues(BaseModel):
    items: list[QueueLoad]
    workers: list[AliveWorker] = Field(description="Those of whom there was a sign of life just now.")
    states: dict[JobState, int] = Field(description="Recordings by the state of their latest job.")
    stranded: list[str] = Field(description="What is missing for jobs that nobody can do.")


class UserStorage(BaseModel):
    """What one user has here; all sizes are in bytes."""

    user_id: str
    name: str
    recordings: int
    bytes: int = Field(description="Of files that are kept.")
    held: int = Field(description="Recordings on hold.")
    uploads: int = Field(description="Resumable uploads that are not finished.")
    upload_bytes: int = Field(description="What these will have once they are.")
