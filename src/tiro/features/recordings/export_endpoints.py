"""Transcripts as files: `…/transcript.{txt,srt,vtt,tsv,json}`."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response

from tiro.errors import Conflict, Forbidden, NotFound, Unauthorized
from tiro.features.keys.dependencies import Reader
from tiro.features.recordings.dependencies import Service, guard_recording, open_to
from tiro.features.recordings.service import RecordingService
from tiro.features.sharing.access import Access
from tiro.http.problems import documented
from tiro.speech.captions import FORMATS

router = APIRouter(prefix="/api/v1/transcribe", tags=["transcribe"], dependencies=[Depends(guard_recording)])

Extension = Literal["txt", "srt", "vtt", "tsv", "json"]
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The transcript in the format asked for.",
        "content": {**{entry.media_type: {} for entry in FORMATS.values()}, "application/json": {}},
    }
}


@router.get(
    "/{session_id}/transcript.{extension}",
    response_class=Response,
    responses=EXPORTED | documented(Unauthorized, Forbidden, NotFound, Conflict),
)
@open_to(Access.VIEWER)
def export(service: Service, who: Reader, session_id: str, extension: Extension) -> Response:
    """The finished transcript as a file."""
    return export_response(service, session_id, extension, who.user_id)


def export_response(
    service: RecordingService, recording_id: str, extension: Extension, reader_id: str | None
) -> Response:
    title, body, media_type = service.export(recording_id, extension, reader_id)
    name = quote(f"{title}.{extension}", safe="")
    return Response(
        body, media_type=media_type, headers={"Content-Disposition": f"inline; filename*=UTF-8''{name}"}
    )
