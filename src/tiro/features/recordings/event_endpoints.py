"""Follow a recording live: `…/events`, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, status
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field, WithJsonSchema

from tiro.errors import Forbidden, NotFound, Unauthorized
from tiro.features.events.schemas import AFTERWARDS, END, END_TEXT, EVENT_TYPES, Event
from tiro.features.events.service import EventService
from tiro.features.jobs.states import JobState
from tiro.features.keys.dependencies import READ
from tiro.features.recordings.dependencies import Service, StandingWithAccess, guard_recording, open_to
from tiro.features.sharing.access import Access
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/transcribe", tags=["transcribe"], dependencies=[Depends(guard_recording)])


_LAST = 10**18
_GONE = "gone"
"""The recording was deleted: whoever asks again gets 404."""


async def _log_of(request: Request) -> EventService:
    return cast(EventService, request.app.state.runtime.events)


async def _place(
    last_event_id: Annotated[
        Annotated[int, Field(ge=0, le=_LAST), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,18}$"})]
        | None,
        Header(),
    ] = None,
    after: Annotated[
        int, Query(ge=0, le=_LAST, description="Like `Last-Event-ID`, for clients without headers.")
    ] = 0,
) -> int:
    """The number of the event after which the caller wants to go on; 0 from the start."""
    return after if last_event_id is None else last_event_id


Log = Annotated[EventService, Depends(_log_of)]
Place = Annotated[int, Depends(_place)]


def _known(service: Service, log: Log, session_id: str, place: Place) -> str:
    """Checked before the stream begins, so that a wrong id is a plain 404, and the end a plain 204."""
    ended = JobState(service.summary(session_id).status).ended
    if place and ended and place >= log.last(session_id):
        raise HTTPException(status.HTTP_204_NO_CONTENT)
    return session_id


@router.get(
    "/{session_id}/events",
    dependencies=[READ],
    response_class=EventSourceResponse,
    responses={
        204: {"description": "The job has ended, and the caller has seen all of it."},
        **documented(Unauthorized, Forbidden, NotFound),
    },
    description="Server-sent events, from the first one or after `Last-Event-ID`, until the job has ended. "
    "A client that reconnects with the id it saw last misses nothing.\n\n"
    + "\n".join(f"- `{name}`: {text}" for name, text in (EVENT_TYPES | {END: END_TEXT}).items()),
)
@open_to(Access.VIEWER)
async def events(
    session_id: Annotated[str, Depends(_known)],
    service: Service,
    log: Log,
    place: Place,
    standing: StandingWithAccess,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a recording."""
    async with aclosing(log.follow(session_id, place)) as batches:
        async for batch in batches:
            if await standing.lost():
                return  # whoever comes again is told why
            for event in batch:
                yield ServerSentEvent(id=str(event.seq), event=event.type, data=event.data)
                place = event.seq
            if over := await asyncio.to_thread(_over, service, session_id, batch):
                if over != _GONE:
                    yield ServerSentEvent(id=str(place), event=END, data={"status": over})
                return


def _over(service: Service, session_id: str, batch: list[Event]) -> str | None:
    """How the job ended, where nothing more can come: its end was in this batch or before it."""
    last = next((event for event in reversed(batch) if event.type not in AFTERWARDS), None)
    if last is not None and not _tells_end(last):
        return None
    try:
        state = JobState(service.summary(session_id).status)
    except NotFound:
        return _GONE
    return state if state.ended else None


def _tells_end(event: Event) -> bool:
    return event.type == "state" and JobState(event.data["status"]).ended
