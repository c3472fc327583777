"""Transcripts as files: `…/transcript.{txt,srt,vtt,tsv,json}`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response

from tiro.errors import Conflict, Forbidden, NotFound, Unauthorized
from tiro.features.keys.dependencies import READ
from tiro.features.recordings.dependencies import Service, own_recording
from tiro.http.problems import documented
from tiro.speech.captions import FORMATS

router = APIRouter(prefix="/api/v1/transcribe", tags=["transcribe"], dependencies=[Depends(own_recording)])

Extension = Literal["txt", "srt", "vtt", "tsv", "json"]


@router.get(
    "/{session_id}/transcript.{extension}",
    dependencies=[READ],
    response_class=Response,
    responses={
        200: {
            "description": "The transcript in the format asked for.",
            "content": {**{entry.media_type: {} for entry in FORMATS.values()}, "application/json": {}},
        },
        **documented(Unauthorized, Forbidden, NotFound, Conflict),
    },
)
def export(service: Service, session_id: str, extension: Extension) -> Response:
    """The finished transcript as a file."""
    title, body, media_type = service.export(session_id, extension)
    name = quote(f"{title}.{extension}", safe="")
    return Response(
        body, media_type=media_type, headers={"Content-Disposition": f"inline; filename*=UTF-8''{name}"}
    )
