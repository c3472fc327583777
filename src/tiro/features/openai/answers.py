"""Transcripts in the shapes of OpenAI's audio API."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tiro.features.openai.form import AudioRequest
from tiro.speech import captions
from tiro.speech.languages import LANGUAGES
from tiro.speech.types import Quality, Segment

Json = dict[str, Any]
_FRAMES_PER_SECOND = 100


class Speakers:
    """Letters for speakers, in the order in which they are first heard."""

    def __init__(self) -> None:
        self._letters: dict[str | None, str] = {}

    def letter(self, speaker: str | None) -> str:
        position = len(self._letters)
        return self._letters.setdefault(speaker, chr(65 + position) if position < 26 else f"S{position + 1}")


def usage(duration: float) -> Json:
    return {"type": "duration", "seconds": duration}


def joined(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def render(asked: AudioRequest, segments: Sequence[Segment], metadata: Json) -> tuple[str, str]:
    """The answer's body and media type."""
    text, duration = joined(segments), metadata["duration"]
    unnamed = [replace(segment, speaker=None) for segment in segments]
    match asked.response_format:
        case "text":
            return text + "\n", "text/plain; charset=utf-8"
        case "srt":
            return captions.srt(unnamed), "text/plain; charset=utf-8"
        case "vtt":
            return captions.vtt(unnamed), "text/plain; charset=utf-8"
        case "verbose_json":
            body = _verbose(asked, segments, metadata)
        case "diarized_json":
            body = {
                "task": "transcribe",
                "duration": duration,
                "text": text,
                "segments": diarized(segments),
                "usage": usage(duration),
            }
        case _:
            body = {"text": text, "usage": usage(duration)}
    return json.dumps(body, ensure_ascii=False), "application/json"


def diarized(segments: Sequence[Segment]) -> list[Json]:
    speakers = Speakers()
    return [
        diarized_segment(number, speakers.letter(segment.speaker), segment.start, segment.end, segment.text)
        for number, segment in enumerate(segments, 1)
    ]


def diarized_segment(number: int, speaker: str, start: float, end: float, text: str) -> Json:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number:03d}",
        "speaker": speaker,
        "start": round(start, 3),
        "end": round(end, 3),
        "text": text,
    }


def _verbose(asked: AudioRequest, segments: Sequence[Segment], metadata: Json) -> Json:
    # A translation's text is English, whatever was spoken.
    code = "en" if asked.task == "translate" else metadata["language"]
    body: Json = {
        "task": asked.task,
        "language": LANGUAGES.get(code, code or "unknown").lower(),
        "duration": metadata["duration"],
        "text": joined(segments),
    }
    if "segment" in asked.granularities:
        temperature = (asked.options.temperatures or (0.0,))[0]
        body["segments"] = [_segment(i, segment, temperature) for i, segment in enumerate(segments)]
    if "word" in asked.granularities:
        body["words"] = [
            {"word": word.text.strip(), "start": round(word.start, 3), "end": round(word.end, 3)}
            for segment in segments
            for word in segment.words
        ]
    body["usage"] = usage(metadata["duration"])
    return body


def _segment(number: int, segment: Segment, temperature: float) -> Json:
    """OpenAI's ten keys. Where the engine gave no evidence: no tokens, and figures that mean no doubt."""
    quality = segment.quality or Quality()
    avg_logprob = quality.avg_logprob
    if avg_logprob is None:
        avg_logprob = math.log(segment.confidence) if segment.confidence else 0.0
    ratio = quality.compression_ratio
    if ratio is None:
        raw = segment.text.encode()
        ratio = len(raw) / len(zlib.compress(raw))
    return {
        "id": number,
        "seek": round(segment.start * _FRAMES_PER_SECOND),
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": temperature if quality.temperature is None else quality.temperature,
        "avg_logprob": avg_logprob,
        "compression_ratio": ratio,
        "no_speech_prob": quality.no_speech_prob or 0.0,
    }
