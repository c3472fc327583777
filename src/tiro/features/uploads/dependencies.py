"""The service that the endpoints of uploads use, and whose uploads they may touch."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.keys.dependencies import CallerDependency
from tiro.features.uploads.service import UploadService


async def _service(request: Request) -> UploadService:
    return cast(UploadService, request.app.state.runtime.uploads)


Service = Annotated[UploadService, Depends(_service)]


def own_upload(request: Request, caller: CallerDependency, service: Service) -> None:
    """The guard of the whole router: the caller has a valid key, and where the path names an upload, it is
    the caller's.

    Raises:
        Unauthorized, NotFound
    """
    if (upload_id := request.path_params.get("upload_id")) is not None:
        service.require(upload_id, caller.user_id)
