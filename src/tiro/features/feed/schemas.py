"""What followers of a library are told."""

from __future__ import annotations

from pydantic import BaseModel


class Counts(BaseModel):
    """How many of the user's own recordings are in each state."""

    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class Removed(BaseModel):
    """A recording that was deleted."""

    session_id: str
