"""What an entry of the audit log looks like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from tiro.actors import ActorKind


class EntryActor(BaseModel):
    """Who did it. ``name`` is what their key was called then, or they themselves."""

    kind: ActorKind
    name: str | None
    user_id: str | None
    user: str | None = Field(description="What the user is called now.")
    key_id: str | None
    address: str | None = Field(description="Where the request came from.")


class Entry(BaseModel):
    """One deed. ``seq`` only grows."""

    seq: int
    at: datetime
    action: str = Field(examples=["recording.deleted"])
    actor: EntryActor
    target: str | None = Field(description="The id of what it was done to.")
    owner_id: str | None = Field(description="To whom that belongs.")
    request_id: str | None = Field(description="As in the log and in `X-Request-Id`.")
    details: dict[str, Any]


class Entries(BaseModel):
    """A page of the audit log, newest first."""

    items: list[Entry]
    next: int | None = Field(description="`before` of the next page; null on the last.")
