"""The service that the door's endpoints use, and whose recordings they may touch."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.keys.dependencies import CallerDependency
from tiro.features.recordings.service import RecordingService


async def _service(request: Request) -> RecordingService:
    return cast(RecordingService, request.app.state.runtime.recordings)


Service = Annotated[RecordingService, Depends(_service)]


def own_recording(request: Request, caller: CallerDependency, service: Service) -> None:
    """The guard of whole routers, so that no route can forget it: the caller has a valid key, and where the
    path names a recording, it is the caller's.

    Raises:
        Unauthorized, NotFound
    """
    if (recording_id := request.path_params.get("session_id")) is not None:
        service.require(recording_id, caller.user_id)
