"""`…/changes`: what people do to a recording, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field, WithJsonSchema

from tiro.errors import Forbidden, NotFound, Unauthorized
from tiro.features.following.schemas import CommentsStand, TranscriptStands
from tiro.features.following.service import FollowingService
from tiro.features.keys.dependencies import READ
from tiro.features.recordings.dependencies import StandingWithAccess, guard_recording, open_to
from tiro.features.sharing.access import Access
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/transcribe/{session_id}", tags=["editing"], dependencies=[Depends(guard_recording)]
)

_LAST = 2**31 - 1
_LONGEST = 3600


async def _service(request: Request) -> FollowingService:
    return cast(FollowingService, request.app.state.runtime.following)


async def _version(
    last_event_id: Annotated[
        Annotated[int, Field(ge=0, le=_LAST), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}$"})]
        | None,
        Header(),
    ] = None,
    after: Annotated[
        int,
        Query(
            ge=0, le=_LAST, description="The version that you have; `Last-Event-ID` says it on another try."
        ),
    ] = 0,
) -> int:
    return after if last_event_id is None else last_event_id


@router.get(
    "/changes",
    dependencies=[READ],
    response_class=EventSourceResponse,
    responses=documented(Unauthorized, Forbidden, NotFound),
)
@open_to(Access.VIEWER)
async def changes(
    session_id: str,
    service: Annotated[FollowingService, Depends(_service)],
    standing: StandingWithAccess,
    version: Annotated[int, Depends(_version)],
    seconds: Annotated[
        int, Query(ge=0, le=_LONGEST, description="For how long; 0 tells only what was missed.")
    ] = _LONGEST,
) -> AsyncIterator[ServerSentEvent]:
    """Follow what people do to a transcript, from the version that you have. An event's id is the version
    after it.

    - `edit`: Somebody changed the transcript; as in the list of edits.
    - `transcript`: Read it anew, for there is another one, or too many edits were missed: `version`.
    - `comments`: How many there are, at first and whenever anything about them has changed."""
    async with aclosing(service.follow(session_id, version, seconds)) as looks:
        async for news in looks:
            if await standing.lost():
                return  # whoever comes again is told why
            for edit in news.edits:
                yield ServerSentEvent(id=str(edit.version), event="edit", data=edit.model_dump(mode="json"))
            if news.anew is not None:
                data = TranscriptStands(version=news.anew).model_dump()
                yield ServerSentEvent(id=str(news.anew), event="transcript", data=data)
            if news.comments is not None:
                stand = CommentsStand(count=news.comments.count, resolved=news.comments.resolved)
                yield ServerSentEvent(event="comments", data=stand.model_dump())
