"""What an event looks like from outside."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

EventType = Literal[
    "state",
    "stage",
    "download",
    "media",
    "layout",
    "progress",
    "segment",
    "notice",
    "restart",
    "media_removed",
]

EVENT_TYPES: dict[EventType, str] = {
    "state": "The job's state changed: `status`, and `error` where it failed.",
    "stage": "The job entered a stage: `stage`.",
    "download": "The engine's model is being fetched: `done` and `total` in bytes.",
    "media": "What the file is, as far as its header tells: `media`.",
    "layout": "How the channels are used: `mode`, `labels`, `reason`.",
    "progress": "`position` and `duration` in seconds of the recording (`duration` is null while unknown), "
    "`speed` as seconds of audio per second.",
    "segment": "A segment is final: `position`, `speaker`, `start_time`, `end_time`, `text`, `confidence`, "
    "`language`, `words`.",
    "restart": "The segments told so far are void: another engine or release begins anew.",
    "notice": "Something that the reader of the result should know: `code`, `message`.",
    "media_removed": "Retention removed the recording's file: `at`. What was made of it stays.",
}


PASSING: tuple[EventType, ...] = ("progress", "download")
"""Of no interest once the job has ended."""

AFTERWARDS: tuple[EventType, ...] = ("media_removed",)
"""What may come when the job has long ended."""

END = "end"
END_TEXT = (
    "The job has ended and nothing more comes: `status`. It has the number of the event before it; whoever "
    "asks for what follows gets 204, at which an `EventSource` gives up."
)
"""The last line of a stream, which is not in the log: a `retry` of the job goes on with the log."""


class Event(BaseModel):
    """One line of a recording's log. ``seq`` only grows; name the last one seen to go on after it."""

    seq: int
    type: EventType
    data: dict[str, Any]
