"""The door: `/api/v1/transcribe`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from fastapi.responses import RedirectResponse

from tiro.errors import (
    OVER_QUOTA,
    AudioQuotaExceeded,
    Conflict,
    EmptyMedia,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    JobQuotaExceeded,
    LimitExceeded,
    MediaRemoved,
    ModelUnavailable,
    NoAudio,
    NotFound,
    NotShared,
    QueueFull,
    RangeNotSatisfiable,
    RecordingHeld,
    StorageFull,
    StorageUnavailable,
    Unauthorized,
    UnknownEngine,
    UnsupportedLanguage,
    UnsupportedMedia,
    UploadInterrupted,
    UploadTooLarge,
)
from tiro.features.keys.dependencies import READ, WRITE, Reader, Writer
from tiro.features.recordings.dependencies import Service, guard_recording, open_to
from tiro.features.recordings.schemas import SessionAccepted, SessionResult
from tiro.features.recordings.service import RecordingService
from tiro.features.sharing.access import Access
from tiro.http.fields import FORM_FLAG, or_blank
from tiro.http.idempotency import ONCE, REFUSALS, REPLAYED, IdempotencyKey
from tiro.http.multipart import FORM_OVERHEAD, receive_form
from tiro.http.problems import documented
from tiro.http.ranges import file_response
from tiro.kit.ids import uuid7
from tiro.media.mimetypes import media_type
from tiro.speech.options import MAX_BEAM, MAX_PROMPT, RULES

router = APIRouter(
    prefix="/api/v1/transcribe",
    tags=["transcribe"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden),
)

_UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["audio"],
                    "properties": {
                        "audio": {"type": "string", "format": "binary", "description": "Audio or video."},
                        "engine": {
                            "type": "string",
                            "default": "auto",
                            "examples": ["auto", "whisper", "whisper:small", "pocketsphinx", "echo"],
                        },
                        "language": {
                            "type": "string",
                            "examples": ["en", "mixed"],
                            "description": "A code or an English name; else your default's, or it is "
                            "detected. `auto` detects it in any case, `mixed` for each window anew.",
                        },
                        "channels": or_blank(
                            {"type": "string", "enum": ["auto", "mix", "split"], "default": "auto"}
                        ),
                        "task": or_blank(
                            {
                                "type": "string",
                                "enum": ["transcribe", "translate"],
                                "default": "transcribe",
                                "description": "`translate` gives English text.",
                            }
                        ),
                        "vocabulary": {
                            "type": "array",
                            "items": {"type": "string", "examples": ["Tiro, Cicero"]},
                            "description": "Names and terms to be expected, the most important first; "
                            "several fields, or one with commas.",
                        },
                        "prompt": {
                            "type": "string",
                            "maxLength": MAX_PROMPT,
                            "description": "Text that could stand before the recording: its words and its "
                            "style are taken up.",
                        },
                        "beam": or_blank({"type": "integer", "minimum": 1, "maximum": MAX_BEAM}),
                        "temperature": {
                            "type": "array",
                            "items": {"type": "number", "minimum": 0, "maximum": 1},
                            "description": "Tried in this order until a result passes the quality limits.",
                        },
                        "word_times": FORM_FLAG | {"default": True},
                        "guard_off": {
                            "type": "array",
                            "items": {"type": "string", "enum": sorted(RULES)},
                            "description": "Rules against invented text and cross-talk that shall not apply.",
                        },
                        "priority": or_blank(
                            {
                                "type": "string",
                                "enum": ["high", "normal", "low"],
                                "default": "normal",
                            }
                        ),
                        "title": {"type": "string", "maxLength": 1000},
                        "batch": {"type": "string", "description": "The id of a batch of yours."},
                        "marks": {
                            "type": "array",
                            "items": {"type": "string", "examples": ["12.5 The offer"]},
                            "description": "Comments on moments: seconds, a space, and a text; several "
                            "fields, or one with a mark in each line.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=SessionAccepted | SessionResult,
    openapi_extra=_UPLOAD_FORM,
    responses={
        200: {"model": SessionResult, "description": "With `wait`: the job has ended; this is its result."},
        202: {"model": SessionAccepted, "description": "The upload is safely kept and its job is queued."},
        **documented(
            InvalidRequest,
            UploadInterrupted,
            UploadTooLarge,
            UnsupportedMedia,
            NoAudio,
            EmptyMedia,
            LimitExceeded,
            UnknownEngine,
            UnsupportedLanguage,
            ModelUnavailable,
            IdempotencyMismatch,
            StorageFull,
            StorageUnavailable,
            *OVER_QUOTA,
        ),
    },
)
async def transcribe(
    request: Request,
    response: Response,
    service: Service,
    who: Writer,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for the result.")] = 0,
    idempotency_key: IdempotencyKey = None,
) -> SessionAccepted | SessionResult:
    """Send a recording. It is on disk for good before the answer comes; the transcript follows, live on
    `…/events` or later at `links.self`.
    `Tiro-Duplicate-Of` names an earlier one of yours, of the same bytes."""
    limits = service.limits
    announced = int(request.headers.get("content-length") or 0)
    if announced > limits.max_upload + FORM_OVERHEAD:
        raise limits.too_large()
    await asyncio.to_thread(service.admit, who.user_id, announced - FORM_OVERHEAD, idempotency_key)
    recording_id = str(uuid7())
    with service.begin(recording_id, announced) as upload:
        form = await receive_form(
            request.headers.get("content-type", ""),
            request.stream(),
            file_field="audio",
            sink=upload,
            max_size=limits.max_upload,
        )
        intake = service.intake(
            recording_id,
            form.fields,
            filename=form.filename,
            size=form.size,
            sha256=form.sha256,
            owner_id=who.user_id,
            idempotency_key=idempotency_key,
        )
        kept_id, replayed = await asyncio.to_thread(service.accept, upload, intake)
    if replayed:
        response.headers[REPLAYED] = "true"
    response.headers["Location"] = f"/api/v1/transcribe/{kept_id}"
    duplicate = await asyncio.to_thread(service.duplicate_of, who.user_id, intake.sha256, kept_id)
    if duplicate is not None:
        response.headers["Tiro-Duplicate-Of"] = duplicate
    if wait and await service.wait(kept_id, min(wait, limits.max_wait)):
        response.status_code = status.HTTP_200_OK
        return await asyncio.to_thread(service.result, kept_id, who.user_id)
    summary = await asyncio.to_thread(service.summary, kept_id)
    return SessionAccepted.model_validate(summary.model_dump())


@router.get("/{session_id}", response_model=SessionResult, responses=documented(NotFound))
@open_to(Access.VIEWER)
def get_recording(service: Service, who: Reader, session_id: str) -> Response:
    """A recording with its transcript as far as it is: segments appear here as soon as they are final."""
    return Response(service.result_json(session_id, who.user_id), media_type="application/json")


@router.delete(
    "/{session_id}",
    dependencies=[WRITE],
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(NotFound, Forbidden, NotShared, RecordingHeld),
)
def delete_recording(service: Service, session_id: str) -> None:
    """Remove the recording, its file and its transcripts. Work on it stops."""
    service.delete(session_id)


@router.post(
    "/{session_id}/cancel",
    dependencies=[WRITE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(NotFound, Forbidden, NotShared, Conflict),
)
@open_to(Access.EDITOR)
def cancel(service: Service, session_id: str) -> SessionAccepted:
    """Stop the job. One that waits is cancelled at once, one that runs within two seconds."""
    service.cancel(session_id)
    return SessionAccepted.model_validate(service.summary(session_id).model_dump())


@router.post(
    "/{session_id}/retry",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(
        NotFound,
        Forbidden,
        NotShared,
        Conflict,
        MediaRemoved,
        AudioQuotaExceeded,
        JobQuotaExceeded,
        QueueFull,
        *REFUSALS,
    ),
)
@open_to(Access.EDITOR)
def retry(service: Service, session_id: str) -> SessionAccepted:
    """Run the job again. A transcript that is there stays until the new one is complete."""
    service.retry(session_id)
    return SessionAccepted.model_validate(service.summary(session_id).model_dump())


MEDIA: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"audio/*": {}, "video/*": {}}},
    206: {"description": "The part that `Range` asked for."},
    307: {"description": "With `TIRO_STORAGE_SIGNED_SECONDS`: the file is at `Location`, for so long."},
    **documented(NotFound, MediaRemoved, RangeNotSatisfiable, StorageUnavailable),
}


@router.head("/{session_id}/media", dependencies=[READ], include_in_schema=False)
@router.get("/{session_id}/media", dependencies=[READ], response_class=Response, responses=MEDIA)
@open_to(Access.VIEWER)
def media(
    request: Request,
    service: Service,
    session_id: str,
    range_header: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """The recording as it was sent, whole or the range asked for."""
    return media_response(request, service, session_id, range_header)


def media_response(
    request: Request, service: RecordingService, recording_id: str, range_header: str | None
) -> Response:
    # An address that was signed for GET is good for nothing else.
    if request.method == "GET" and (address := service.media_address(recording_id)) is not None:
        return RedirectResponse(address, headers={"Cache-Control": "no-store"})
    file, filename, container = service.open_media(recording_id)
    return file_response(
        file,
        range_header=range_header,
        media_type=media_type(container),
        filename=filename,
        head=request.method == "HEAD",
    )
