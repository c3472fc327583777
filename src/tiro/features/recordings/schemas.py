"""What goes through the door, and what comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
SharedFilter = Literal["false", "true", "all"]

_EXAMPLE_SESSION: dict[str, Any] = {
    "session_id": "0199f3c2-7a51-7cc0-9d5e-3f1f0a7b6c55",
    "status": "completed",
    "title": "support-call",
    "tags": ["support"],
    "created_at": "2026-11-20T10:15:00Z",
    "priority": "normal",
    "stage": None,
    "progress": {"position": 41.2, "duration": 41.2},
    "error": None,
    "held": False,
    "media_removed_at": None,
    "waiting_for": None,
    "transcript": {
        "version": 1,
        "speakers": {"left": "Anna"},
        "segments": [
            {
                "id": 0,
                "speaker": "left",
                "start_time": 0.62,
                "end_time": 2.41,
                "text": "good morning how can i help you",
                "confidence": None,
                "language": "en",
                "words": [{"text": "good", "start_time": 0.62, "end_time": 0.8, "confidence": None}],
            }
        ],
    },
    "summary": None,
    "metadata": {
        "duration": 41.2,
        "processing_time": 6.3,
        "language": "en",
        "engine": "pocketsphinx",
        "options": {"engine": "pocketsphinx"},
        "channels": 2,
        "layout": {"mode": "split", "labels": ["left", "right"], "reason": "each side has its own voice"},
        "media": {"container": "flac", "codec": "flac", "sample_rate": 16000, "channels": 2},
        "model_versions": {"pocketsphinx": "pocketsphinx 5.1.1 en-us"},
        "parts": [{"engine": "pocketsphinx", "speaker": "left", "start_time": 0.4, "end_time": 39.9}],
        "notices": [],
        "dropped": [],
    },
    "access": "owner",
    "links": {"self": "/api/v1/transcribe/0199f3c2-7a51-7cc0-9d5e-3f1f0a7b6c55"},
}


class Word(BaseModel):
    text: str
    start_time: float = Field(description="Seconds from the start of the recording.")
    end_time: float
    confidence: float | None = Field(
        description="Probability in [0, 1]; null where the engine has no honest one."
    )


class Segment(BaseModel):
    id: int = Field(description="Stays the same, whatever is done to the segments around it.")
    speaker: str | None = Field(
        description="The speaker's label: `left`, `right`, what an editor chose, or null where channels were "
        "mixed. `transcript.speakers` has their names."
    )
    start_time: float
    end_time: float
    text: str
    confidence: float | None
    language: str | None
    words: list[Word]


class TranscriptBody(BaseModel):
    """The segments that are final so far, in time order."""

    version: int = Field(description="Grows with each edit; 0 while the transcript is not finished.")
    speakers: dict[str, str] = Field(description="The names that people gave to the speakers, by label.")
    segments: list[Segment]


class ChannelUse(BaseModel):
    mode: Literal["mix", "split"]
    labels: list[str | None]
    reason: str


class NoticeBody(BaseModel):
    code: str
    message: str


class Dropped(BaseModel):
    """Text that was taken out as invented or as cross-talk, with the rule and its evidence."""

    speaker: str | None
    start_time: float
    end_time: float
    text: str
    rule: str
    evidence: str


class Part(BaseModel):
    """A stretch of the recording that one engine worked on."""

    engine: str
    speaker: str | None
    start_time: float
    end_time: float


class Metadata(BaseModel):
    """What is known of the recording and of how it was transcribed; null while unknown."""

    duration: float | None = None
    processing_time: float | None = None
    language: str | None = None
    engine: str | None = None
    options: dict[str, Any] = Field({}, description="What was asked for.")
    defaults: dict[str, dict[str, Any]] | None = Field(
        None,
        description="What held beside it: of the `user`'s defaults, and of the server's `settings`. Only the "
        "recording's owner sees it.",
    )
    channels: int | None = Field(None, description="Channels of the file.")
    layout: ChannelUse | None = Field(None, description="How the channels were used.")
    media: dict[str, Any] | None = None
    model_versions: dict[str, str] = {}
    parts: list[Part] = Field([], description="Which engine made which part of the text.")
    notices: list[NoticeBody] = []
    dropped: list[Dropped] = []


class Problem(BaseModel):
    """An error: a stable code for programs, a sentence for people."""

    code: str
    message: str


class Progress(BaseModel):
    position: float = Field(description="Seconds of the recording that are done.")
    duration: float | None = Field(description="Length in seconds; null while unknown.")


class SessionSummary(BaseModel):
    """A recording and the state of its job."""

    session_id: str
    status: Status
    title: str
    tags: list[str] = Field(description="Words under which it is found, in the order of the alphabet.")
    created_at: datetime
    priority: Literal["high", "normal", "low"]
    stage: str | None
    progress: Progress
    error: Problem | None
    held: bool = Field(description="Whether it is on hold: it is neither deleted nor purged.")
    media_removed_at: datetime | None = Field(
        description="When retention removed the file; what was made of it is still there."
    )
    waiting_for: str | None = Field(
        None,
        description="What a waiting job lacks, where no worker that is alive can do it. Said of one "
        "recording, not in lists.",
    )
    links: dict[str, str]


class SessionAccepted(SessionSummary):
    """The answer to an upload that is safely kept."""


class SessionResult(SessionSummary):
    """A recording with what has been transcribed of it."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE_SESSION})

    transcript: TranscriptBody
    summary: None = None
    metadata: Metadata
    access: Literal["owner", "editor", "viewer"] = Field(description="What you may do with it.")


class SessionListItem(SessionSummary):
    duration: float | None
    language: str | None
    access: Literal["owner", "editor", "viewer"] = Field(description="What you may do with it.")
    owner: str | None = Field(description="Who shares it with you; null where it is yours.")


class SessionPage(BaseModel):
    """A page of recordings, newest first."""

    items: list[SessionListItem]
    total: int
    limit: int
    offset: int
