"""The library: lists of recordings, their titles and their tags."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from tiro.errors import Forbidden, InvalidRequest, NotFound, NotShared, Unauthorized
from tiro.features.keys.dependencies import WRITE, Reader
from tiro.features.recordings.dependencies import Service as Recordings
from tiro.features.recordings.dependencies import guard_recording, open_to
from tiro.features.recordings.library import Filter, LibraryService, Order
from tiro.features.recordings.schemas import SessionPage, SessionSummary, SharedFilter, Status
from tiro.features.sharing.access import Access
from tiro.features.tags.service import LONGEST, MOST
from tiro.http.fields import Moment
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/transcribe",
    tags=["transcribe"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden),
)
tags = APIRouter(prefix="/api/v1", tags=["transcribe"], responses=documented(Unauthorized, Forbidden))


async def _service(request: Request) -> LibraryService:
    return cast(LibraryService, request.app.state.runtime.library)


Service = Annotated[LibraryService, Depends(_service)]


class DetailsChange(BaseModel):
    """What is not named stays."""

    title: str | None = Field(None, min_length=1, max_length=1000)
    tags: list[Annotated[str, Field(min_length=1, max_length=LONGEST)]] | None = Field(
        None, max_length=MOST, description="In the place of all that it has."
    )


class Tag(BaseModel):
    name: str
    recordings: int = Field(description="How many of yours have it.")


class Tags(BaseModel):
    """In the order of the alphabet."""

    items: list[Tag]


class NamedSpeaker(BaseModel):
    name: str
    recordings: int = Field(description="In how many of yours they are heard.")


class NamedSpeakers(BaseModel):
    """In the order of the alphabet."""

    items: list[NamedSpeaker]


class SpokenLanguage(BaseModel):
    language: str = Field(description="Its code.", examples=["en"])
    recordings: int


class SpokenLanguages(BaseModel):
    """Most recordings first."""

    items: list[SpokenLanguage]


@router.get("", responses=documented(InvalidRequest))
def list_recordings(
    service: Service,
    who: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    status: Status | None = None,
    shared: Annotated[
        SharedFilter, Query(description="`true`: what others share with you; `all`: that and yours.")
    ] = "false",
    title: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Found within titles, in any case.")
    ] = None,
    tag: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=LONGEST)]] | None,
        Query(max_length=MOST, description="Several: those that have all of them."),
    ] = None,
    language: Annotated[str | None, Query(max_length=20, examples=["en"])] = None,
    speaker: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="The name that was given to a voice, in any case."),
    ] = None,
    since: Annotated[Moment | None, Query(description="Came in at this moment or later.")] = None,
    before: Annotated[Moment | None, Query(description="Came in before this moment.")] = None,
    held: Annotated[
        bool | None, Query(description="`true`: those on hold; `false`: those that retention may remove.")
    ] = None,
    order: Order = "newest",
) -> SessionPage:
    """Your recordings, or those that are shared with you, newest first unless `order` says else."""
    wanted = Filter(status, title, tuple(tag or ()), language, speaker, since, before, held, order)
    return service.page(who.user_id, wanted, limit, offset, shared)


@router.patch(
    "/{session_id}", dependencies=[WRITE], responses=documented(NotFound, NotShared, InvalidRequest)
)
@open_to(Access.EDITOR)
def change_recording(
    service: Service, recordings: Recordings, session_id: str, change: DetailsChange
) -> SessionSummary:
    """Give a recording another title or other tags. Tags are the recording's: all who see it see them."""
    service.change(session_id, change.title, change.tags)
    return recordings.summary(session_id)


@tags.get("/tags")
def list_tags(service: Service, who: Reader) -> Tags:
    """All tags of your recordings."""
    return Tags(items=[Tag(name=name, recordings=count) for name, count in service.tags(who.user_id)])


@tags.get("/speakers")
def list_speakers(service: Service, who: Reader) -> NamedSpeakers:
    """The names that were given to voices in your recordings."""
    found = service.speakers(who.user_id)
    return NamedSpeakers(items=[NamedSpeaker(name=name, recordings=count) for name, count in found])


@tags.get("/languages")
def list_languages(service: Service, who: Reader) -> SpokenLanguages:
    """The languages of your recordings."""
    found = service.languages(who.user_id)
    return SpokenLanguages(items=[SpokenLanguage(language=code, recordings=count) for code, count in found])
