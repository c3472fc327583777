"""Recordings as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tiro.db.tables import JobTable, RecordingTable
from tiro.db.tables.base import Json
from tiro.features.jobs.states import Priority
from tiro.features.recordings.repository import Listed
from tiro.features.recordings.schemas import SessionListItem, SessionResult
from tiro.features.transcripts.service import StoredTranscript
from tiro.speech.options import TranscriptionOptions
from tiro.speech.result import segment_json


def listed(recording: RecordingTable, job: JobTable, tags: Sequence[str]) -> Listed:
    return Listed(
        id=recording.id,
        title=recording.title,
        created_at=recording.created_at,
        held=recording.held_at is not None,
        media_removed_at=recording.media_removed_at,
        state=job.state,
        stage=job.stage,
        priority=job.priority,
        position=job.position,
        error=job.error,
        claimed_duration=(job.media or recording.media or {}).get("claimed_duration"),
        tags=tuple(tags),
    )


def summary(row: Listed) -> Json:
    base = f"/api/v1/transcribe/{row.id}"
    media = {} if row.media_removed_at else {"media": f"{base}/media"}
    return {
        "session_id": row.id,
        "status": row.state,
        "title": row.title,
        "tags": list(row.tags),
        "created_at": row.created_at,
        "priority": Priority.of_rank(row.priority),
        "stage": row.stage,
        "progress": {"position": round(row.position, 3), "duration": row.claimed_duration},
        "error": row.error,
        "held": row.held,
        "media_removed_at": row.media_removed_at,
        "links": {
            "self": base,
            "events": f"{base}/events",
            **media,
            "transcript": f"{base}/transcript.txt",
        },
    }


def metadata(whole: Json, *, own: bool) -> Json:
    """For the owner all of it. What they set for all their recordings, such as the names of people who are
    not in this one, is for nobody with whom they share it."""
    return whole if own else whole | {"defaults": None}


def metadata_so_far(recording: RecordingTable, job: JobTable) -> Json:
    media = job.media or recording.media
    return {
        "media": media,
        "channels": media and media["channels"],
        "layout": job.layout,
        "engine": job.options.get("engine", TranscriptionOptions().engine),
        "options": job.options,
    }


def transcript(current: StoredTranscript | None) -> Json:
    """The finished transcript, where there is one, without its segments."""
    return {
        "version": current.version if current else 0,
        "speakers": current.speakers if current else {},
        "segments": [],
    }


def with_segments(result: SessionResult, segments: Sequence[bytes]) -> bytes:
    """The result as JSON with these segments, which are JSON already."""
    head = result.model_dump_json(exclude={"transcript"}).encode()
    words = result.transcript.model_dump_json(exclude={"segments"}).encode()
    return b'%s,"transcript":%s,"segments":[%s]}}' % (head[:-1], words[:-1], b",".join(segments))


def document(recording: RecordingTable, current: StoredTranscript, *, own: bool) -> str:
    """The JSON export."""
    body = {
        "session_id": recording.id,
        "title": recording.title,
        "transcript": {"segments": [segment_json(segment) for segment in current.named]},
        "summary": None,
        "metadata": metadata(current.metadata, own=own),
    }
    return json.dumps(body, ensure_ascii=False, indent=2)


def list_item(row: Listed) -> SessionListItem:
    return SessionListItem.model_validate(
        {
            **summary(row),
            "duration": row.duration,
            "language": row.language,
            "access": row.role or "owner",
            "owner": row.owner,
        }
    )
