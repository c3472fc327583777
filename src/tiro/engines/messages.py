"""What crosses the pipe between an engine host and its child, as JSON headers of ``tiro.kit.frames``.

Parent to child: ``load`` once, then ``transcribe`` (the body is the audio, float32 little-endian) and
``cancel``. Child to parent: ``ready``, then for each request any number of ``segment`` and one of ``done``
or ``error``. Answers carry the request's ``id``. A child whose engine works in batches may have several
requests at once and answers them in any order; the others have one at a time. ``cancel`` is answered by
``heard`` at once, unless the request is over already.

What the child has to tell of itself goes the same way: ``log`` is a line of its log, with the ``id`` of the
request that it is about, and ``done`` and ``error`` say in ``work`` when the engine worked on the request,
how long, on how many together, and in which traces the others are.
"""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines.base import (
    Capabilities,
    DecodingOptions,
    EngineOptions,
    RemoteOptions,
    TranscribeRequest,
)
from tiro.errors import TiroError, error_for_code
from tiro.speech.types import Audio, Quality, Segment, Word

Header = dict[str, Any]


def options_to_json(options: EngineOptions) -> Header:
    converted = None if options.converted is None else str(options.converted)
    return dataclasses.asdict(options) | {"models": str(options.models), "converted": converted}


def options_from_json(data: Header) -> EngineOptions:
    own = {
        "models": Path(data["models"]),
        "hubs": tuple(data["hubs"]),
        "converted": None if data["converted"] is None else Path(data["converted"]),
        "remote": RemoteOptions(**data["remote"]),
    }
    return EngineOptions(**(data | own))


def capabilities_to_json(capabilities: Capabilities) -> Header:
    sets = {"languages": sorted(capabilities.languages), "heeds": sorted(capabilities.heeds)}
    return dataclasses.asdict(capabilities) | sets


def capabilities_from_json(data: Header) -> Capabilities:
    sets = {"languages": frozenset(data["languages"]), "heeds": frozenset(data["heeds"])}
    return Capabilities(**(data | sets))


def request_to_json(request: TranscribeRequest) -> Header:
    """All of a request but its audio and its ``stop``."""
    return {
        "language": request.language,
        "task": request.task,
        "decoding": dataclasses.asdict(request.decoding),
    }


def request_from_json(data: Header, body: bytes, stop: threading.Event) -> TranscribeRequest:
    decoding = data["decoding"]
    options = DecodingOptions(
        **(
            decoding
            | {
                "vocabulary": tuple(decoding["vocabulary"]),
                "temperatures": tuple(decoding["temperatures"]),
            }
        )
    )
    return TranscribeRequest(audio_from_body(body), data["language"], data["task"], stop, options)


def segment_to_json(segment: Segment) -> Header:
    return dataclasses.asdict(segment)


def segment_from_json(data: Header) -> Segment:
    quality = data["quality"]
    return Segment(
        **(
            data
            | {
                "words": tuple(Word(**word) for word in data["words"]),
                "quality": Quality(**quality) if quality is not None else None,
            }
        )
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What an engine's work on a request was: when it began (seconds since 1970), how many seconds it took,
    and how many windows it worked on together. ``beside`` are the traceparents of the others."""

    began: float
    seconds: float
    windows: int = 1
    beside: tuple[str, ...] = ()


def work_to_json(work: Work | None) -> Header | None:
    return None if work is None else dataclasses.asdict(work)


def work_from_json(data: Header | None) -> Work | None:
    return None if data is None else Work(**(data | {"beside": tuple(data["beside"])}))


def error_to_json(error: TiroError) -> Header:
    return {"code": error.code, "message": error.message, "retry_after": error.retry_after}


def error_from_json(data: Header) -> TiroError:
    return error_for_code(data["code"], data["message"], retry_after=data["retry_after"])


def audio_to_body(audio: Audio) -> memoryview:
    """The samples as bytes; a copy is made only where the array is not contiguous float32 already."""
    return np.ascontiguousarray(audio, dtype="<f4").data.cast("B")


def audio_from_body(body: bytes) -> Audio:
    return np.frombuffer(body, dtype="<f4")
