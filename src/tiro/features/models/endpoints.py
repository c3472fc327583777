"""Models and engines of this machine, for admins: `/api/v1/admin/models`."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, status

from tiro.errors import Conflict, Forbidden, NotFound, StorageFull, Unauthorized
from tiro.features.keys.dependencies import ADMIN
from tiro.features.models.schemas import LocalModel, LocalModels
from tiro.features.models.service import ModelService
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/admin/models",
    tags=["admin"],
    dependencies=[ADMIN],
    responses=documented(Unauthorized, Forbidden),
)


async def _service(request: Request) -> ModelService:
    return cast(ModelService, request.app.state.runtime.models)


Service = Annotated[ModelService, Depends(_service)]


@router.get("")
def list_models(service: Service) -> LocalModels:
    """The Whisper models that there are, with what is here, how big it is and what is on its way; and the
    engines. Of the machine that answers: workers elsewhere have models of their own."""
    return service.list()


@router.get("/{name}", responses=documented(NotFound))
def get_model(service: Service, name: str) -> LocalModel:
    """One model; while it is on its way, how far that is, whichever server fetches it."""
    return service.get(name)


@router.post(
    "/{name}/download",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(NotFound, Conflict, StorageFull),
)
def download_model(service: Service, name: str) -> LocalModel:
    """Begin to download a model, or go on with a download that broke off; `…/{name}` tells how far it is.
    Of one that is here already, or on its way, nothing is begun."""
    return service.fetch(name)


@router.delete("/{name}/download", responses=documented(NotFound, Conflict))
def stop_download(service: Service, name: str) -> LocalModel:
    """Stop a download. What has arrived is kept for the next one; `DELETE …/{name}` removes it."""
    return service.stop(name)


@router.delete("/{name}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound, Conflict))
def remove_model(service: Service, name: str) -> None:
    """Delete a model, or what has arrived of it. What is in the cache of other programs is left alone."""
    service.remove(name)
