"""Many files as one: `/api/v1/batches`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from tiro.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    StorageFull,
    StorageUnavailable,
    Unauthorized,
    UnknownEngine,
    UnsupportedLanguage,
    UploadInterrupted,
)
from tiro.features.batches.dependencies import Service, own_batch
from tiro.features.batches.schemas import BatchAccepted, BatchPage, BatchStatus, BatchSummary
from tiro.features.batches.service import MAX_TITLE
from tiro.features.keys.dependencies import READ, WRITE, Reader, StandingDependency, Writer
from tiro.http.idempotency import REPLAYED, IdempotencyKey
from tiro.http.multipart import Form
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/batches",
    tags=["batches"],
    dependencies=[Depends(own_batch)],
    responses=documented(Unauthorized, Forbidden),
)

_MAX_FILES = 1000
_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "description": "Audio or video; the field comes once for each file.",
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "title": {"type": "string", "maxLength": MAX_TITLE, "description": "Of the batch."},
                        "batch": False,
                        "audio": _FILES,
                    },
                    "additionalProperties": {
                        "type": "string",
                        "description": "The other fields of `POST /api/v1/transcribe`, for all files.",
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=_FORM,
    responses=documented(
        InvalidRequest,
        UploadInterrupted,
        UnknownEngine,
        UnsupportedLanguage,
        IdempotencyMismatch,
        StorageFull,
        StorageUnavailable,
    ),
)
async def create_batch(
    request: Request,
    response: Response,
    service: Service,
    who: Writer,
    idempotency_key: IdempotencyKey = None,
) -> BatchAccepted:
    """Send up to 1000 files as one. The fields come before the files and hold for all. Each file is answered
    for by itself: one that is no recording stops no other. A form without files makes an empty batch, for
    files that are sent later with the field `batch`."""
    form = Form(
        request.headers.get("content-type", ""), request.stream(), file_field="audio", max_files=_MAX_FILES
    )
    announced = int(request.headers.get("content-length") or 0)
    batch, replayed = await service.receive(form, who.user_id, idempotency_key, announced)
    if replayed:
        response.headers[REPLAYED] = "true"
    response.headers["Location"] = f"/api/v1/batches/{batch.batch_id}"
    return batch


@router.get("")
def list_batches(
    service: Service,
    who: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> BatchPage:
    """Your batches, newest first."""
    return service.page(who.user_id, limit, offset)


@router.get("/{batch_id}", dependencies=[READ], responses=documented(NotFound))
def get_batch(
    service: Service,
    batch_id: str,
    limit: Annotated[int, Query(ge=0, le=1000, description="Files in the answer.")] = 200,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> BatchStatus:
    """One status for all, and that of each file."""
    return service.status(batch_id, limit, offset)


@router.get(
    "/{batch_id}/events",
    dependencies=[READ],
    response_class=EventSourceResponse,
    responses=documented(Unauthorized, Forbidden, NotFound),
    description="Server-sent events: `batch`, as `GET` on the batch without its files, at first and whenever "
    "it has changed, until all work on it has ended. Whoever connects again is told anew how far it is.",
)
async def batch_events(
    service: Service, batch_id: str, standing: StandingDependency
) -> AsyncIterator[ServerSentEvent]:
    """Follow a batch."""
    async with aclosing(service.follow(batch_id)) as summaries:
        async for summary in summaries:
            if await standing.lost():
                return  # whoever comes again is told why
            if summary is not None:
                yield ServerSentEvent(event="batch", data=summary.model_dump(mode="json"))


@router.post(
    "/{batch_id}/cancel",
    dependencies=[WRITE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(NotFound, Conflict),
)
def cancel_batch(service: Service, batch_id: str) -> BatchSummary:
    """Stop the work on all files that are not done. Those that are stay as they are."""
    service.cancel(batch_id)
    return service.summary(batch_id)


@router.delete(
    "/{batch_id}",
    dependencies=[WRITE],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotFound),
)
def delete_batch(service: Service, batch_id: str) -> None:
    """Forget the batch. Its recordings stay, and so does the work on them."""
    service.remove(batch_id)
