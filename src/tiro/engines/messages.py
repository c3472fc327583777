"""What crosses the pipe between an engine host and its child, as JSON headers of ``tiro.kit.frames``.

Parent to child: ``load`` once, then ``transcribe`` (the body is the audio, float32 little-endian) and
``cancel``. Child to parent: ``ready``, then for each request any number of ``segment`` and one of ``done``
or ``error``. Answers carry the request's ``id``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines.base import Capabilities, EngineOptions, RemoteOptions
from tiro.speech.types import Audio, Quality, Segment, Word

Header = dict[str, Any]


def options_to_json(options: EngineOptions) -> Header:
    return dataclasses.asdict(options) | {"models": str(options.models)}


def options_from_json(data: Header) -> EngineOptions:
    own = {"models": Path(data["models"]), "remote": RemoteOptions(**data["remote"])}
    return EngineOptions(**(data | own))


def capabilities_to_json(capabilities: Capabilities) -> Header:
    return dataclasses.asdict(capabilities) | {"languages": sorted(capabilities.languages)}


def capabilities_from_json(data: Header) -> Capabilities:
    return Capabilities(**(data | {"languages": frozenset(data["languages"])}))


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


def audio_to_body(audio: Audio) -> memoryview:
    """The samples as bytes; a copy is made only where the array is not contiguous float32 already."""
    return np.ascontiguousarray(audio, dtype="<f4").data.cast("B")


def audio_from_body(body: bytes) -> Audio:
    return np.frombuffer(body, dtype="<f4")
