"""The service that the endpoints of batches use, and whose batches they may touch."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from tiro.features.batches.service import BatchService
from tiro.features.keys.dependencies import CallerDependency


async def _service(request: Request) -> BatchService:
    return cast(BatchService, request.app.state.runtime.batches)


Service = Annotated[BatchService, Depends(_service)]


def own_batch(request: Request, caller: CallerDependency, service: Service) -> None:
    """The guard of the whole router: the caller has a valid key, and where the path names a batch, it is the
    caller's.

    Raises:
        Unauthorized, NotFound
    """
    if (batch_id := request.path_params.get("batch_id")) is not None:
        service.require(batch_id, caller.user_id)
