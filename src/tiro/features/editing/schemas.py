"""What edits look like from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from tiro.features.editing.changes import Change
from tiro.features.recordings.schemas import Segment

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


class EditWish(BaseModel):
    """Changes that are made all together, or not at all, in their order."""

    version: Version = Field(description="Of the transcript that they were made on.")
    changes: list[Change] = Field(min_length=1, max_length=1000)


class Edited(BaseModel):
    """What an edit made of the transcript."""

    version: int = Field(description="The transcript's version now: another one, unless nothing changed.")
    segments: list[Segment] = Field(description="The segments that it changed or made, in time order.")
    removed: list[int] = Field(description="The ids of segments that are not there any more.")
    speakers: dict[str, str] = Field(description="The names of all speakers that have one, by label.")


class SegmentDifference(BaseModel):
    id: int
    before: Segment | None
    after: Segment | None


class NameDifference(BaseModel):
    speaker: str
    before: str | None
    after: str | None


class Edit(BaseModel):
    """One edit: who made it, when, and what it changed."""

    version: int = Field(description="That it made.")
    at: datetime
    by: str | None = Field(description="The name of the user; null where they are gone.")
    undoes: int | None = Field(description="The version whose edit it took back.")
    segments: list[SegmentDifference]
    names: list[NameDifference]


class Edits(BaseModel):
    """Newest first. Where there may be more, ``next`` is what to send as ``before``."""

    items: list[Edit]
    next: int | None
