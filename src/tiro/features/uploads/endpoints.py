"""Uploads that can be resumed: `/api/v1/uploads`, as tus 1.0 has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from tiro.errors import (
    OVER_QUOTA,
    ChecksumMismatch,
    EmptyMedia,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    OffsetMismatch,
    StorageFull,
    StorageUnavailable,
    TiroError,
    TooManyUploads,
    Unauthorized,
    UnsupportedMedia,
    UnsupportedTusVersion,
    UploadBusy,
    UploadExpired,
    UploadInterrupted,
    UploadTooLarge,
)
from tiro.features.keys.dependencies import WRITE, Writer
from tiro.features.uploads.dependencies import Service, own_upload
from tiro.features.uploads.headers import (
    ALGORITHMS,
    CHECKSUM_SHAPE,
    COUNT_SHAPE,
    EXTENSIONS,
    METADATA_SHAPE,
    VERSION,
    Checksum,
    whole_number,
)
from tiro.features.uploads.service import Progress, UploadService
from tiro.http.bodies import IncomingBody
from tiro.http.idempotency import REPLAYED, IdempotencyKey
from tiro.http.problems import documented, invalid

PREFIX = "/api/v1/uploads"
_BODY = "application/offset+octet-stream"


class _TusRoute(APIRoute):
    """Refusals name the protocol's version too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answer(request)
            except (TiroError, RequestValidationError) as error:
                refusal = error if isinstance(error, TiroError) else invalid(error)
                refusal.headers.update({"Tus-Resumable": VERSION, "Tus-Version": VERSION})
                raise refusal from error

        return handler


async def speaks_tus(request: Request) -> None:
    """Raises UnsupportedTusVersion where the request is not of our version of the protocol."""
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise UnsupportedTusVersion


router = APIRouter(
    prefix=PREFIX,
    tags=["uploads"],
    dependencies=[WRITE, Depends(own_upload), Depends(speaks_tus)],
    responses=documented(Unauthorized, Forbidden, UnsupportedTusVersion),
    route_class=_TusRoute,
)

_OCTETS: dict[str, Any] = {
    "requestBody": {"content": {_BODY: {"schema": {"type": "string", "format": "binary"}}}}
}
_ON_THE_WAY = (
    UploadExpired,
    UploadBusy,
    UploadTooLarge,
    UploadInterrupted,
    UnsupportedMedia,
    ChecksumMismatch,
    InvalidRequest,
    StorageFull,
    StorageUnavailable,
    *OVER_QUOTA,
)
_Version = Annotated[str, Header(alias="Tus-Resumable", json_schema_extra={"enum": [VERSION]})]
_Length = Annotated[
    str | None,
    Header(
        alias="Upload-Length",
        description="Bytes of the whole file.",
        json_schema_extra={"pattern": COUNT_SHAPE},
    ),
]
_Deferred = Annotated[
    str | None,
    Header(
        alias="Upload-Defer-Length",
        description="`1` in the place of `Upload-Length`: a later part tells it.",
        json_schema_extra={"pattern": "^1$"},
    ),
]
_Metadata = Annotated[
    str | None,
    Header(
        alias="Upload-Metadata",
        description="`filename`, `title`, `sha256` of the whole file, and the fields of "
        "`POST /api/v1/transcribe`: pairs of a key and a value in base64, with commas between. `live` is "
        "true of a recording that is being made: where its sender falls silent for `TIRO_HTTP_LIVE_SILENCE` "
        "seconds, it is finished with what has come.",
        json_schema_extra={"pattern": METADATA_SHAPE},
    ),
]
_Offset = Annotated[
    str,
    Header(
        alias="Upload-Offset",
        description="Where the body begins.",
        json_schema_extra={"pattern": COUNT_SHAPE},
    ),
]
_Checksum = Annotated[
    str | None,
    Header(
        alias="Upload-Checksum",
        description="Of the body: sha1, sha256 or md5, and a digest in base64.",
        json_schema_extra={"pattern": CHECKSUM_SHAPE},
    ),
]


@router.options("", status_code=status.HTTP_204_NO_CONTENT)
async def capabilities(service: Service) -> Response:
    """What of the protocol is spoken here."""
    return _answer(
        status.HTTP_204_NO_CONTENT,
        {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            "Tus-Max-Size": str(service.max_size),
        },
    )


@router.options("/{upload_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound))
async def capabilities_there(service: Service, upload_id: str) -> Response:
    """As without an id."""
    return await capabilities(service)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_class=Response,
    openapi_extra=_OCTETS,
    responses={
        201: {"description": "`Location` is the upload's address."},
        **documented(EmptyMedia, TooManyUploads, IdempotencyMismatch, *_ON_THE_WAY),
    },
)
async def begin_upload(
    request: Request,
    service: Service,
    who: Writer,
    _version: _Version,
    upload_length: _Length = None,
    upload_defer_length: _Deferred = None,
    upload_metadata: _Metadata = None,
    upload_checksum: _Checksum = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Announce a file, and send its first bytes along if you like. `Tiro-Duplicate-Of` names a recording of
    yours that has the `sha256` announced. Announced again under the same `Idempotency-Key`, it is the same
    upload: the bytes that come along are left unread, and `Upload-Offset` says where to go on."""
    length = _announced_length(upload_length, upload_defer_length)
    sent_metadata = upload_metadata or ""
    checksum = _checksum_of(upload_checksum)
    upload_id, replayed = await asyncio.to_thread(
        service.begin, length, sent_metadata, who.user_id, idempotency_key
    )
    duplicate = await asyncio.to_thread(service.announced_duplicate, sent_metadata, who.user_id)
    headers = {"Location": f"{PREFIX}/{upload_id}"}
    if duplicate is not None:
        headers["Tiro-Duplicate-Of"] = duplicate
    if replayed:
        progress = await service.progress(upload_id)
        headers |= {"Upload-Offset": str(progress.offset), REPLAYED: "true"}
    elif _has_bytes(request):
        progress = await _receive(request, service, upload_id, 0, checksum)
        headers["Upload-Offset"] = str(progress.offset)
    else:
        progress = await service.progress(upload_id)
    return _answer(status.HTTP_201_CREATED, headers | _told(progress))


@router.head(
    "/{upload_id}", response_class=Response, responses=documented(NotFound, UploadExpired, UploadBusy)
)
async def look_at_upload(service: Service, upload_id: str, _version: _Version) -> Response:
    """How much of the upload is here: `Upload-Offset`. Of one that is whole, `Tiro-Session` is the recording
    that it has become; of one whose file was refused, the answer is that refusal."""
    progress = await service.progress(upload_id)
    headers = {
        "Upload-Offset": str(progress.offset),
        "Cache-Control": "no-store",
    }
    if progress.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(progress.length)
    if progress.metadata:
        headers["Upload-Metadata"] = progress.metadata
    return _answer(status.HTTP_200_OK, headers | _told(progress))


@router.patch(
    "/{upload_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    openapi_extra=_OCTETS,
    responses={
        204: {"description": "`Upload-Offset` is where the next part begins."},
        **documented(NotFound, OffsetMismatch, *_ON_THE_WAY),
    },
)
async def continue_upload(
    request: Request,
    service: Service,
    upload_id: str,
    _version: _Version,
    upload_offset: _Offset,
    upload_length: _Length = None,
    upload_metadata: _Metadata = None,
    upload_checksum: _Checksum = None,
) -> Response:
    """Send more of the file. `Upload-Length` tells the length that was not known before. With
    `Upload-Metadata` other metadata hold from now on, until the upload is whole. The answer to its last part
    names the recording in `Tiro-Session`, and in `Tiro-Duplicate-Of` an earlier one of the same bytes."""
    if not _has_bytes(request):
        raise UnsupportedMedia(f"Send the bytes with 'Content-Type: {_BODY}'.")
    offset = whole_number(upload_offset, "Upload-Offset")
    progress = await _receive(
        request,
        service,
        upload_id,
        offset,
        _checksum_of(upload_checksum),
        length=None if upload_length is None else whole_number(upload_length, "Upload-Length"),
        sent_metadata=upload_metadata,
    )
    headers = {"Upload-Offset": str(progress.offset)}
    return _answer(status.HTTP_204_NO_CONTENT, headers | _told(progress))


@router.delete(
    "/{upload_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound, UploadBusy)
)
async def end_upload(service: Service, upload_id: str, _version: _Version) -> Response:
    """Give the upload up. A recording that it has become stays."""
    await service.remove(upload_id)
    return _answer(status.HTTP_204_NO_CONTENT, {})


@router.post("/{upload_id}", include_in_schema=False)
async def overridden(
    request: Request,
    service: Service,
    upload_id: str,
    method: Annotated[str, Header(alias="X-HTTP-Method-Override")] = "",
    upload_offset: _Offset = "",
    upload_length: _Length = None,
    upload_metadata: _Metadata = None,
    upload_checksum: _Checksum = None,
) -> Response:
    """For clients that can send nothing but POST."""
    match method.upper():
        case "PATCH":
            return await continue_upload(
                request,
                service,
                upload_id,
                VERSION,
                upload_offset,
                upload_length,
                upload_metadata,
                upload_checksum,
            )
        case "HEAD":
            return await look_at_upload(service, upload_id, VERSION)
        case "DELETE":
            return await end_upload(service, upload_id, VERSION)
    raise MethodNotAllowed


async def _receive(
    request: Request,
    service: UploadService,
    upload_id: str,
    offset: int,
    checksum: Checksum | None,
    *,
    length: int | None = None,
    sent_metadata: str | None = None,
) -> Progress:
    announced = int(request.headers.get("content-length") or 0)
    return await service.receive(
        upload_id,
        offset,
        IncomingBody(request.stream()),
        announced=announced,
        checksum=checksum,
        length=length,
        sent_metadata=sent_metadata,
    )


def _announced_length(length: str | None, deferred: str | None) -> int | None:
    """Raises InvalidRequest where there is not one of both."""
    if deferred is None:
        return whole_number(length, "Upload-Length")
    if deferred != "1" or length is not None:
        raise InvalidRequest("Upload-Defer-Length: 1, in the place of Upload-Length.")
    return None


def _has_bytes(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _BODY


def _checksum_of(header: str | None) -> Checksum | None:
    return None if header is None else Checksum(header)


def _told(progress: Progress) -> dict[str, str]:
    headers = {"Upload-Expires": format_datetime(progress.expires_at, usegmt=True)}
    if progress.recording_id is not None:
        headers["Tiro-Session"] = progress.recording_id
        headers["Content-Location"] = f"/api/v1/transcribe/{progress.recording_id}"
    if progress.duplicate_of is not None:
        headers["Tiro-Duplicate-Of"] = progress.duplicate_of
    return headers


def _answer(code: int, headers: dict[str, str]) -> Response:
    return Response(status_code=code, headers={"Tus-Resumable": VERSION, **headers})
