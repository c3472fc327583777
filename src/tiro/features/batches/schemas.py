"""Batches as the API shows them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from tiro.features.recordings.schemas import Problem, Progress, Status


class BatchSummary(BaseModel):
    """How far a batch is."""

    batch_id: str
    title: str
    created_at: datetime
    status: Status = Field(
        description="`queued` until the work begins, `running` until it ends; then `failed` where a file "
        "failed or was refused, else `cancelled` where one was, else `completed`."
    )
    counts: dict[Status, int] = Field(description="Files in each state.")
    total: int = Field(description="Files that are in the batch.")
    refused: int = Field(description="Files that were sent with the batch and are no recordings.")
    progress: Progress = Field(
        description="Of all files together; the length is null while one's is unknown."
    )
    links: dict[str, str]


class BatchPage(BaseModel):
    """A page of batches, newest first."""

    items: list[BatchSummary]
    total: int
    limit: int
    offset: int


class BatchFile(BaseModel):
    """A recording of the batch, and the state of its job."""

    session_id: str
    title: str
    filename: str
    status: Status
    progress: Progress
    error: Problem | None
    links: dict[str, str]


class FileResult(BaseModel):
    """What became of a file that was sent: a recording, or a problem."""

    filename: str
    session_id: str | None = None
    duplicate_of: str | None = Field(None, description="An earlier recording of yours, of the same bytes.")
    error: Problem | None = None


class BatchStatus(BatchSummary):
    """A batch with its files, in the order in which they came."""

    files: list[BatchFile]
    refusals: list[FileResult] = Field(description="The files that were refused, and why.")
    limit: int
    offset: int


class BatchAccepted(BatchSummary):
    """What became of each file that was sent, in their order."""

    results: list[FileResult]
