"""The service that the door's endpoints use, and whose recordings they may touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request

from tiro.features.keys.dependencies import CallerDependency, Standing, StandingDependency
from tiro.features.recordings.service import RecordingService
from tiro.features.sharing.access import Access

_MARK = "tiro_access"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


async def _service(request: Request) -> RecordingService:
    return cast(RecordingService, request.app.state.runtime.recordings)


Service = Annotated[RecordingService, Depends(_service)]


def open_to(least: Access) -> Callable[[_Endpoint], _Endpoint]:
    """Mark an endpoint as one that others than the owner may call: those who have ``least`` or more. What is
    not marked is the owner's alone."""

    def mark(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _MARK, least)
        return endpoint

    return mark


def guard_recording(request: Request, caller: CallerDependency, service: Service) -> None:
    """The guard of whole routers, so that no route can forget it: the caller has a valid key, and where the
    path names a recording, it is open to the caller for what the route does.

    Raises:
        Unauthorized, NotFound, NotShared
    """
    if (recording_id := request.path_params.get("session_id")) is not None:
        service.require(recording_id, caller.user_id, _needed(request))


async def _standing(
    request: Request,
    session_id: str,
    standing: StandingDependency,
    caller: CallerDependency,
    service: Service,
) -> Standing:
    """The caller's, who must keep the access too, or an open stream ends."""
    needed = _needed(request)
    standing.also(lambda: service.require(session_id, caller.user_id, needed))
    return standing


StandingWithAccess = Annotated[Standing, Depends(_standing)]


def _needed(request: Request) -> Access:
    needed: Access = getattr(request.scope["route"].endpoint, _MARK, Access.OWNER)
    return needed
