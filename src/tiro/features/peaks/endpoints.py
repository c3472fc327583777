"""`…/peaks`: a recording's waveform."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from tiro.errors import (
    CorruptMedia,
    Forbidden,
    LimitExceeded,
    MediaRemoved,
    NotFound,
    Unauthorized,
    UnsupportedMedia,
)
from tiro.features.keys.dependencies import READ
from tiro.features.peaks.service import MOST, PER_SECOND, PeakService
from tiro.features.recordings.dependencies import guard_recording, open_to
from tiro.features.sharing.access import Access
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/transcribe", tags=["transcribe"], dependencies=[Depends(guard_recording)])


class PeaksBody(BaseModel):
    """How loud the recording is over time."""

    duration: float = Field(description="Seconds, as decoded.")
    points: list[int] = Field(
        description="The loudest sample of each of equal stretches, 0 to 255. There are "
        f"{PER_SECOND} a second, and {MOST} in all at most."
    )


async def _service(request: Request) -> PeakService:
    return cast(PeakService, request.app.state.runtime.peaks)


@router.get(
    "/{session_id}/peaks",
    dependencies=[READ],
    responses=documented(
        Unauthorized, Forbidden, NotFound, MediaRemoved, UnsupportedMedia, CorruptMedia, LimitExceeded
    ),
)
@open_to(Access.VIEWER)
async def peaks(
    response: Response, service: Annotated[PeakService, Depends(_service)], session_id: str
) -> PeaksBody:
    """What draws a waveform. The first to ask waits until the recording has been decoded once."""
    found = await service.of(session_id)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return PeaksBody(duration=found.duration, points=list(found.points))
