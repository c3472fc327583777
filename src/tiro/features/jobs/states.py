"""The states, priorities and queues of a job."""

from __future__ import annotations

from enum import StrEnum

FIRST_STAGE = "probe"
"""Where a job is once a worker has it."""


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        return list(Priority).index(self)

    @classmethod
    def of_rank(cls, rank: int) -> Priority:
        return list(cls)[rank]


class JobQueue(StrEnum):
    """What a job needs of the machine that does it: a GPU, processors, or only a connection."""

    GPU = "gpu"
    CPU = "cpu"
    REMOTE = "remote"
    LLM = "llm"
