"""Follow a recording live: `…/events`, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from tiro.errors import NotFound, Unauthorized
from tiro.features.events.schemas import EVENT_TYPES, Event
from tiro.features.events.service import EventService
from tiro.features.jobs.states import JobState
from tiro.features.keys.dependencies import caller
from tiro.features.recordings.dependencies import Service
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/transcribe", tags=["transcribe"], dependencies=[Depends(caller)])


_LAST = 2**63 - 1


def _log_of(request: Request) -> EventService:
    return cast(EventService, request.app.state.runtime.events)


def _known(service: Service, session_id: str) -> str:
    """Checked before the stream begins, so that a wrong id is a plain 404."""
    service.require(session_id)
    return session_id


@router.get(
    "/{session_id}/events",
    response_class=EventSourceResponse,
    responses=documented(Unauthorized, NotFound),
    description="Server-sent events, from the first one or after `Last-Event-ID`, until the job has ended. "
    "A client that reconnects with the id it saw last misses nothing.\n\n"
    + "\n".join(f"- `{name}`: {text}" for name, text in EVENT_TYPES.items()),
)
async def events(
    session_id: Annotated[str, Depends(_known)],
    service: Service,
    log: Annotated[EventService, Depends(_log_of)],
    last_event_id: Annotated[int | None, Header(ge=0, le=_LAST)] = None,
    after: Annotated[
        int, Query(ge=0, le=_LAST, description="Like `Last-Event-ID`, for clients without headers.")
    ] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a recording."""
    async with aclosing(log.follow(session_id, after if last_event_id is None else last_event_id)) as batches:
        async for batch in batches:
            for event in batch:
                yield ServerSentEvent(id=str(event.seq), event=event.type, data=event.data)
            if await asyncio.to_thread(_is_over, service, session_id, batch):
                return


def _is_over(service: Service, session_id: str, batch: list[Event]) -> bool:
    """Whether nothing more can come: the job has ended, and its end was in this batch or before it."""
    told = any(event.type == "state" for event in batch)
    if batch and not told:
        return False
    try:
        ended = JobState(service.summary(session_id).status).ended
    except NotFound:
        return True
    return ended and (not batch or _tells_end(batch[-1]))


def _tells_end(event: Event) -> bool:
    return event.type == "state" and JobState(event.data["status"]).ended
