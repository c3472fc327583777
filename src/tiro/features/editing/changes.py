"""What may be done to a transcript, as a client asks for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

LONGEST_TEXT = 20_000
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A segment's ``id``: it stays the same, whatever is done to the segments around it."""

Label = Annotated[str, Field(min_length=1, max_length=100)]
Seconds = Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)]


class Text(BaseModel):
    """Give a segment another text. Its words get their times anew; those that stay keep theirs."""

    op: Literal["text"]
    segment: Number
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Speaker(BaseModel):
    """Say who speaks in these segments: the label of a speaker, known or new, or null for nobody."""

    op: Literal["speaker"]
    segments: list[Number] = Field(min_length=1, max_length=10_000)
    speaker: Label | None


class Rename(BaseModel):
    """Give a speaker a name everywhere; the label stays. Null takes it away."""

    op: Literal["rename"]
    speaker: Label
    name: Label | None


class Split(BaseModel):
    """Make two segments out of one. The second gets a new id."""

    op: Literal["split"]
    segment: Number
    at: int = Field(
        ge=1, le=LONGEST_TEXT, description="Where in the text: before the word at or after this character."
    )


class Merge(BaseModel):
    """Make one segment out of two that follow each other; it keeps the first one's id and speaker."""

    op: Literal["merge"]
    first: Number
    second: Number


class Delete(BaseModel):
    """Take segments out."""

    op: Literal["delete"]
    segments: list[Number] = Field(min_length=1, max_length=10_000)


class Insert(BaseModel):
    """Put in what nobody heard. The segment gets a new id."""

    op: Literal["insert"]
    start_time: Seconds
    end_time: Seconds
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    speaker: Label | None = None


class Replace(BaseModel):
    """Find and replace, in all segments or in these."""

    op: Literal["replace"]
    find: str = Field(min_length=1, max_length=1000)
    replace: str = Field(max_length=1000)
    match_case: bool = False
    whole_words: bool = True
    segments: list[Number] | None = Field(None, max_length=10_000)


Change = Annotated[
    Text | Speaker | Rename | Split | Merge | Delete | Insert | Replace, Field(discriminator="op")
]
