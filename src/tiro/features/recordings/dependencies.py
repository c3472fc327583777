"""The service that the door's endpoints use."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.recordings.service import RecordingService


async def _service(request: Request) -> RecordingService:
    return cast(RecordingService, request.app.state.runtime.recordings)


Service = Annotated[RecordingService, Depends(_service)]
