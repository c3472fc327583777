"""What followers of a finished recording are told, beside the edits themselves."""

from __future__ import annotations

from pydantic import BaseModel, Field


class TranscriptStands(BaseModel):
    """Too much has changed to be told, or there is another transcript: read it anew."""

    version: int


class CommentsStand(BaseModel):
    """Something about the comments is not as it was: read them anew."""

    count: int
    resolved: int = Field(description="How many of them are dealt with.")
