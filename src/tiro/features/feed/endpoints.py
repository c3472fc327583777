"""`/api/v1/me/events`: one's own recordings, live, in one stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from tiro.errors import Forbidden, Unauthorized
from tiro.features.feed.service import FeedService
from tiro.features.keys.dependencies import Reader, StandingDependency
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/me", tags=["transcribe"], responses=documented(Unauthorized, Forbidden))

_LONGEST = 3600


async def _service(request: Request) -> FeedService:
    return cast(FeedService, request.app.state.runtime.feed)


@router.get("/events", response_class=EventSourceResponse)
async def library_events(
    who: Reader,
    service: Annotated[FeedService, Depends(_service)],
    standing: StandingDependency,
    seconds: Annotated[
        int, Query(ge=0, le=_LONGEST, description="For how long; 0 tells only how things stand.")
    ] = _LONGEST,
) -> AsyncIterator[ServerSentEvent]:
    """Follow all your recordings: first how things stand, then what changes.

    - `recording`: One that waits or is at work, as the list has it, whenever that changes; and once more when
      it has ended.
    - `removed`: `session_id` of one that was deleted while it waited or was at work.
    - `counts`: How many are in each state.

    There is nothing to go on from: whoever connects again is told anew how things stand."""
    async with aclosing(service.follow(who.user_id, seconds)) as looks:
        async for changes in looks:
            if await standing.lost():
                return  # whoever comes again is told why
            for item in changes.recordings:
                yield ServerSentEvent(event="recording", data=item.model_dump(mode="json"))
            for session_id in changes.removed:
                yield ServerSentEvent(event="removed", data={"session_id": session_id})
            if changes.counts is not None:
                yield ServerSentEvent(event="counts", data=changes.counts.model_dump())
