"""What a server answers, as values. Fields that a newer server adds are passed over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tiro.errors import Cancelled, Conflict, TiroError, error_for_code
from tiro.speech.options import Defaults
from tiro.speech.types import (
    ChannelLayout,
    Drop,
    EnginePart,
    MediaInfo,
    Notice,
    Segment,
    Transcript,
    VideoInfo,
    Word,
)

Json = dict[str, Any]

ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on the server and the state of its job.

    Attributes:
        status: ``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``.
        position: seconds of it that are done.
        duration: its length in seconds as far as it is known.
        error: why the job failed.
    """

    id: str
    title: str
    status: str
    created_at: datetime
    priority: str
    stage: str | None
    position: float
    duration: float | None
    error: TiroError | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def raise_for_status(self) -> None:
        """Raises what the job failed of, ``Cancelled``, or ``Conflict`` where it has not ended."""
        if self.error is not None:
            raise self.error
        if self.status == "cancelled":
            raise Cancelled
        if self.status != "completed":
            raise Conflict(f"There is no finished transcript; the job is {self.status}.")


@dataclass(frozen=True, slots=True)
class Page:
    """Recordings, newest first; ``total`` counts all that there are."""

    items: tuple[Recording, ...]
    total: int


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A recording of a batch and the state of its job; see ``Recording``."""

    id: str
    title: str
    filename: str
    status: str
    position: float
    duration: float | None
    error: TiroError | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was sent, and is no recording that can be read."""

    filename: str
    error: TiroError


@dataclass(frozen=True, slots=True)
class Batch:
    """Recordings that were sent as one.

    Attributes:
        status: as of a recording; ``failed`` where all has ended and one failed or was refused.
        counts: recordings in each state.
        position: seconds that are done, of all together.
        duration: their length in seconds; None while that of one is unknown.
        files: in the order in which they were sent; none in a list of batches.
    """

    id: str
    title: str
    status: str
    created_at: datetime
    counts: dict[str, int]
    position: float
    duration: float | None
    files: tuple[BatchFile, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Recordings on which no more work is to be done."""
        return sum(count for state, count in self.counts.items() if state in ENDED)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a recording's log. ``seq`` only grows: ask for what is ``after`` it to go on."""

    seq: int
    type: str
    data: Json


def recording(body: Json) -> Recording:
    problem = body["error"]
    return Recording(
        id=body["session_id"],
        title=body["title"],
        status=body["status"],
        created_at=datetime.fromisoformat(body["created_at"]),
        priority=body["priority"],
        stage=body["stage"],
        position=body["progress"]["position"],
        duration=body["progress"]["duration"],
        error=_error(problem) if problem else None,
    )


def batch(body: Json, files: Iterable[Json] = ()) -> Batch:
    return Batch(
        id=body["batch_id"],
        title=body["title"],
        status=body["status"],
        created_at=datetime.fromisoformat(body["created_at"]),
        counts=body["counts"],
        position=body["progress"]["position"],
        duration=body["progress"]["duration"],
        files=tuple(map(_batch_file, files)),
        refused=tuple(
            Refusal(
                refused["filename"], error_for_code(refused["error"]["code"], refused["error"]["message"])
            )
            for refused in body.get("refusals", ())
        ),
    )


def _error(problem: Json) -> TiroError:
    return error_for_code(problem["code"], problem["message"])


def _batch_file(body: Json) -> BatchFile:
    problem = body["error"]
    return BatchFile(
        id=body["session_id"],
        title=body["title"],
        filename=body["filename"],
        status=body["status"],
        position=body["progress"]["position"],
        duration=body["progress"]["duration"],
        error=_error(problem) if problem else None,
    )


def page(body: Json) -> Page:
    return Page(tuple(map(recording, body["items"])), body["total"])


def segment(body: Json) -> Segment:
    """From a transcript, or the data of a ``segment`` event."""
    words = (Word(w["start_time"], w["end_time"], w["text"], w["confidence"]) for w in body["words"])
    return Segment(
        body["start_time"],
        body["end_time"],
        body["text"],
        tuple(words),
        body["confidence"],
        body["speaker"],
        body["language"],
    )


def defaults(body: Json) -> Defaults:
    return Defaults(tuple(body["vocabulary"]), body["prompt"], body["language"])


def transcript(body: Json) -> Transcript:
    """From a finished session."""
    about = body["metadata"]
    layout = about["layout"]
    return Transcript(
        segments=tuple(map(segment, body["transcript"]["segments"])),
        language=about["language"],
        duration=about["duration"],
        layout=ChannelLayout(layout["mode"], tuple(layout["labels"]), layout["reason"]),
        media=_media(about["media"], about["duration"]),
        engine=about["engine"],
        models=about["model_versions"],
        drops=tuple(
            Drop(d["start_time"], d["end_time"], d["text"], d["rule"], d["evidence"], d["speaker"])
            for d in about["dropped"]
        ),
        notices=tuple(Notice(notice["code"], notice["message"]) for notice in about["notices"]),
        parts=tuple(
            EnginePart(part["engine"], part["speaker"], part["start_time"], part["end_time"])
            for part in about["parts"]
        ),
        processing_time=about["processing_time"],
        options=about["options"],
        defaults=about["defaults"] or {},
    )


def _media(body: Json, duration: float) -> MediaInfo:
    video = body["video"]
    return MediaInfo(
        container=body["container"],
        codec=body["codec"],
        sample_rate=body["sample_rate"],
        channels=body["channels"],
        bit_rate=body["bit_rate"],
        duration=duration,
        claimed_duration=body["claimed_duration"],
        video=VideoInfo(video["width"], video["height"], video["frame_rate"]) if video else None,
    )
