"""What the streams of events carry, as schemas beside those of the answers: OpenAPI has no place of its own
for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from tiro.features.editing.schemas import Edit
from tiro.features.events.schemas import END, EventType
from tiro.features.feed.schemas import Counts, Removed
from tiro.features.following.schemas import CommentsStand, TranscriptStands
from tiro.features.recordings.schemas import ChannelUse, NoticeBody, Problem, SessionListItem, Status, Word

_REF = "#/components/schemas/{model}"


class StateEvent(BaseModel):
    status: Status
    error: Problem | None = None


class StageEvent(BaseModel):
    stage: str


class DownloadEvent(BaseModel):
    done: int
    total: int


class MediaEvent(BaseModel):
    media: dict[str, Any]


class LayoutEvent(ChannelUse):
    pass


class ProgressEvent(BaseModel):
    position: float
    duration: float | None
    speed: float = Field(description="Seconds of audio per second.")


class SegmentEvent(BaseModel):
    position: int = Field(description="Counted from 0.")
    speaker: str | None
    start_time: float
    end_time: float
    text: str
    confidence: float | None
    language: str | None
    words: list[Word]


class RestartEvent(BaseModel):
    pass


class NoticeEvent(NoticeBody):
    pass


class MediaRemovedEvent(BaseModel):
    at: datetime


class EndEvent(BaseModel):
    status: Status


PAYLOADS: dict[EventType, type[BaseModel]] = {
    "state": StateEvent,
    "stage": StageEvent,
    "download": DownloadEvent,
    "media": MediaEvent,
    "layout": LayoutEvent,
    "progress": ProgressEvent,
    "segment": SegmentEvent,
    "restart": RestartEvent,
    "notice": NoticeEvent,
    "media_removed": MediaRemovedEvent,
}
"""Of `/api/v1/transcribe/{session_id}/events`, by the type of the event."""
LIBRARY_PAYLOADS: dict[str, type[BaseModel]] = {
    "recording": SessionListItem,
    "removed": Removed,
    "counts": Counts,
}
"""Of `/api/v1/me/events`."""
CHANGE_PAYLOADS: dict[str, type[BaseModel]] = {
    "edit": Edit,
    "transcript": TranscriptStands,
    "comments": CommentsStand,
}
"""Of `/api/v1/transcribe/{session_id}/changes`."""
_STREAMS: dict[str, Mapping[str, type[BaseModel]]] = {
    "RecordingEvents": {**{str(kind): model for kind, model in PAYLOADS.items()}, END: EndEvent},
    "LibraryEvents": LIBRARY_PAYLOADS,
    "ChangeEvents": CHANGE_PAYLOADS,
}


def event_schemas() -> dict[str, Any]:
    """The payloads, and for each stream which event has which."""
    models = {model for payloads in _STREAMS.values() for model in payloads.values()}
    ordered = sorted(models, key=lambda model: model.__name__)
    # As answers have them: what has a default is there too.
    _, made = models_json_schema([(model, "serialization") for model in ordered], ref_template=_REF)
    schemas: dict[str, Any] = dict(made["$defs"])
    for name, payloads in _STREAMS.items():
        schemas[name] = {
            "title": name,
            "description": "The data of each event, by its type.",
            "type": "object",
            "required": list(payloads),
            "properties": {
                kind: {"$ref": _REF.format(model=model.__name__)} for kind, model in payloads.items()
            },
        }
    return schemas
