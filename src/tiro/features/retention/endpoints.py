"""Keep recordings on hold, and choose for how long they are kept: `…/hold`, `/api/v1/me/retention`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from tiro.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.keys.dependencies import WRITE, Reader, Writer
from tiro.features.recordings.dependencies import Service as Recordings
from tiro.features.recordings.dependencies import guard_recording
from tiro.features.recordings.schemas import SessionSummary
from tiro.features.retention.plan import Due, Part, Policy
from tiro.features.retention.service import RetentionService
from tiro.http.fields import AS_NUMBER
from tiro.http.problems import documented

_LONGEST = 36_500
_SHOWN = 100
_MEDIA = (
    "Then the file goes, and what was made of it stays; with 0 as soon as its transcript is finished. Where "
    "there is none, the file stays for 7 days after the last job."
)
_RECORDING = "Then the whole recording goes, with its text."

holds = APIRouter(
    prefix="/api/v1/transcribe",
    tags=["transcribe"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden),
)
router = APIRouter(
    prefix="/api/v1/me/retention", tags=["retention"], responses=documented(Unauthorized, Forbidden)
)


async def _service(request: Request) -> RetentionService:
    return cast(RetentionService, request.app.state.runtime.retention)


Service = Annotated[RetentionService, Depends(_service)]


class DaysWish(BaseModel):
    """As ``Days``, out of a body."""

    media_days: Annotated[int, Field(ge=0, le=_LONGEST), AS_NUMBER] | None = Field(None, description=_MEDIA)
    recording_days: Annotated[int, Field(ge=1, le=_LONGEST), AS_NUMBER] | None = Field(
        None, description=_RECORDING
    )


class Days(BaseModel):
    """Days since a recording came in; null is for ever. A job that is not over is waited for."""

    media_days: int | None = Field(
        None,
        ge=0,
        le=_LONGEST,
        description=_MEDIA,
    )
    recording_days: int | None = Field(None, ge=1, le=_LONGEST, description=_RECORDING)


class Retention(BaseModel):
    """For how long your recordings are kept: the less of what you chose and of what the server allows."""

    effective: Days
    chosen: Days
    server: Days


class DueItem(BaseModel):
    """What is to go: a recording's file, or all of it."""

    session_id: str
    part: Part
    size: int = Field(description="Bytes of the file.")
    created_at: datetime


class Preview(BaseModel):
    """What retention would remove now. Nothing on hold is among it."""

    media: int = Field(description="Recordings whose file would go; 10,000 are counted at most.")
    recordings: int = Field(description="Recordings that would go; 10,000 are counted at most.")
    bytes: int
    items: list[DueItem] = Field(description=f"The oldest, {_SHOWN} at most.")


@holds.put("/{session_id}/hold", dependencies=[WRITE], responses=documented(NotFound, Conflict))
def hold(service: Service, recordings: Recordings, session_id: str) -> SessionSummary:
    """Put the recording on hold: it is not deleted, nor removed by retention, until you release it."""
    service.hold(session_id)
    return recordings.summary(session_id)


@holds.delete("/{session_id}/hold", dependencies=[WRITE], responses=documented(NotFound))
def release(service: Service, recordings: Recordings, session_id: str) -> SessionSummary:
    """Release the recording from its hold."""
    service.release(session_id)
    return recordings.summary(session_id)


@router.get("")
def get_retention(service: Service, who: Reader) -> Retention:
    """For how long your recordings are kept."""
    return _retention(service, who.user_id)


@router.patch("", responses=documented(InvalidRequest))
def change_retention(service: Service, who: Writer, change: DaysWish) -> Retention:
    """Choose for how long your recordings are kept; null leaves it to the server. What is old enough goes
    within minutes: `…/preview` shows it before."""
    values = change.model_dump(exclude_unset=True)
    service.plan.choose(who.user_id, replace(service.plan.chosen(who.user_id), **values))
    return _retention(service, who.user_id)


@router.get("/preview")
def preview(service: Service, who: Reader, supposed: Annotated[Days, Query()]) -> Preview:
    """What retention would remove of yours now; with `media_days` or `recording_days`, if you chose that."""
    values = supposed.model_dump(exclude_unset=True)
    chosen = replace(service.plan.chosen(who.user_id), **values)
    return _summed(service.plan.due(owner=who.user_id, supposed=chosen))


def _summed(found: list[Due]) -> Preview:
    items = [
        DueItem(session_id=due.recording_id, part=due.part, size=due.size, created_at=due.created_at)
        for due in found[:_SHOWN]
    ]
    return Preview(
        media=_count(found, "media"),
        recordings=_count(found, "recording"),
        bytes=sum(due.size for due in found),
        items=items,
    )


def _count(found: Iterable[Due], part: Part) -> int:
    return sum(1 for due in found if due.part == part)


def _retention(service: RetentionService, user_id: str) -> Retention:
    chosen, server = service.plan.chosen(user_id), service.plan.limits
    return Retention(effective=_days(chosen.within(server)), chosen=_days(chosen), server=_days(server))


def _days(policy: Policy) -> Days:
    return Days(media_days=policy.media_days, recording_days=policy.recording_days)
