"""A transcript as plain JSON values: the one shape that the command line, the HTTP API and events share."""

from __future__ import annotations

from typing import Any, Protocol

from tiro.speech.types import ChannelLayout, Drop, MediaInfo, Segment, Transcript, Word

Json = dict[str, Any]


def _seconds(value: float) -> float:
    return round(value, 3)


def _probability(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def word_json(word: Word) -> Json:
    return {
        "text": word.text,
        "start_time": _seconds(word.start),
        "end_time": _seconds(word.end),
        "confidence": _probability(word.confidence),
    }


def segment_json(segment: Segment) -> Json:
    return {**without_words(segment), "words": [word_json(word) for word in segment.words]}


class Spoken(Protocol):
    """What of a segment is not its words."""

    @property
    def speaker(self) -> str | None: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def text(self) -> str: ...
    @property
    def confidence(self) -> float | None: ...
    @property
    def language(self) -> str | None: ...


def without_words(segment: Spoken) -> Json:
    return {
        "speaker": segment.speaker,
        "start_time": _seconds(segment.start),
        "end_time": _seconds(segment.end),
        "text": segment.text,
        "confidence": _probability(segment.confidence),
        "language": segment.language,
    }


def drop_json(drop: Drop) -> Json:
    return {
        "speaker": drop.speaker,
        "start_time": _seconds(drop.start),
        "end_time": _seconds(drop.end),
        "text": drop.text,
        "rule": drop.rule,
        "evidence": drop.evidence,
    }


def media_json(media: MediaInfo) -> Json:
    video = media.video
    return {
        "container": media.container,
        "codec": media.codec,
        "sample_rate": media.sample_rate,
        "channels": media.channels,
        "bit_rate": media.bit_rate,
        "claimed_duration": None if media.claimed_duration is None else _seconds(media.claimed_duration),
        "video": video and {"width": video.width, "height": video.height, "frame_rate": video.frame_rate},
    }


def layout_json(layout: ChannelLayout) -> Json:
    return {"mode": layout.mode, "labels": list(layout.labels), "reason": layout.reason}


def metadata_json(transcript: Transcript) -> Json:
    """Everything of a finished transcript but its segments."""
    return {
        "duration": _seconds(transcript.duration),
        "processing_time": _seconds(transcript.processing_time),
        "language": transcript.language,
        "engine": transcript.engine,
        "options": transcript.options,
        "defaults": transcript.defaults,
        "channels": transcript.media.channels,
        "layout": layout_json(transcript.layout),
        "media": media_json(transcript.media),
        "model_versions": transcript.models,
        "parts": [
            {
                "engine": part.engine,
                "speaker": part.speaker,
                "start_time": _seconds(part.start),
                "end_time": _seconds(part.end),
            }
            for part in transcript.parts
        ],
        "notices": [{"code": notice.code, "message": notice.message} for notice in transcript.notices],
        "dropped": [drop_json(drop) for drop in transcript.drops],
    }


def transcript_json(transcript: Transcript) -> Json:
    """The whole result, as `tiro transcribe --format json` and the JSON export give it."""
    return {
        "transcript": {"segments": [segment_json(segment) for segment in transcript.segments]},
        "summary": None,
        "metadata": metadata_json(transcript),
    }
