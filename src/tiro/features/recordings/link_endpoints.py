"""What a link opens: `/api/v1/shared/{token}`, for reading, to whoever has it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute

from tiro.errors import Conflict, NotFound, TiroError
from tiro.features.recordings.dependencies import Service
from tiro.features.recordings.endpoints import MEDIA, media_response
from tiro.features.recordings.export_endpoints import EXPORTED, Extension, export_response
from tiro.features.recordings.schemas import SessionResult
from tiro.features.sharing.service import SharingService
from tiro.http.problems import documented

PREFIX = "/api/v1/shared"
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


class _PrivateRoute(APIRoute):
    """Neither the answer nor the address is for anybody but who has the link: no cache keeps it, no search
    engine lists it, and no other site is told of it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await answer(request)
            except TiroError as error:
                error.headers.update(_PRIVATE)
                raise
            response.headers.update(_PRIVATE)
            return response

        return handler


def _opened(request: Request, token: str) -> str:
    """The id of the recording that the link opens."""
    return cast(SharingService, request.app.state.runtime.sharing).opened_by(token)


router = APIRouter(
    prefix=PREFIX + "/{token}", tags=["sharing"], route_class=_PrivateRoute, responses=documented(NotFound)
)
Opened = Annotated[str, Depends(_opened)]


@router.get("", response_model=SessionResult)
def get_shared(service: Service, recording_id: Opened, token: str) -> Response:
    """The recording that the link opens, with its transcript."""
    base = f"{PREFIX}/{token}"
    links = {"self": base, "media": f"{base}/media", "transcript": f"{base}/transcript.txt"}
    return Response(service.result_json(recording_id, None, links), media_type="application/json")


@router.get(
    "/transcript.{extension}",
    response_class=Response,
    responses=EXPORTED | documented(NotFound, Conflict),
)
def export_shared(service: Service, recording_id: Opened, extension: Extension) -> Response:
    """The finished transcript as a file."""
    return export_response(service, recording_id, extension, None)


@router.head("/media", include_in_schema=False)
@router.get("/media", response_class=Response, responses=MEDIA)
def shared_media(
    request: Request,
    service: Service,
    recording_id: Opened,
    range_header: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """The recording as it was sent, whole or the range asked for."""
    return media_response(request, service, recording_id, range_header)
