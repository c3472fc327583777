"""The values that travel through the pipeline.

All times are ``float`` seconds named ``start`` and ``end``, counted from the start of the recording unless
a docstring says otherwise. All values are frozen: a stage makes new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Samples a second of all audio inside Tiro."""

Audio = npt.NDArray[np.float32]
"""Mono audio at 16 kHz, float32 in [-1, 1], shape ``(samples,)``."""

ChannelMode = Literal["auto", "mix", "split"]
"""What the caller asks for: let Tiro look, mix everything to one, or keep left and right apart."""

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that holds speech."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Word:
    """One word. ``confidence`` is a probability in [0, 1], or None where the engine has no honest one."""

    start: float
    end: float
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What the engine says of its own work on a segment; None where it does not say."""

    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text with its time. Segments of one channel never overlap and come in time order.

    ``level`` is the loudness of its audio (RMS, dB of full scale), by which cross-talk is told from speech.
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: str | None = None
    language: str | None = None
    quality: Quality | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Text that the guard or the cross-talk rule took out, with the rule's name and the evidence in words."""

    start: float
    end: float
    text: str
    rule: str
    evidence: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one channel that goes to the engine in one request.

    ``index`` counts all windows of a recording from 0 in the order in which they are made; that order is
    the same each time the same file is read, so that a restarted job can go on where it stopped.
    ``channel`` is the position in the channel layout; ``spans`` are the speech spans inside. ``stretches``
    are what its audio is made of, one after the other: all of it, unless long pauses were left out.
    """

    index: int
    channel: int
    start: float
    end: float
    spans: tuple[Span, ...] = ()
    stretches: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if not self.stretches:
            object.__setattr__(self, "stretches", (Span(self.start, self.end),))


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What came out of one window of which engine: segments in recording time, and what was dropped.

    ``audio_seconds`` is the length of its audio, which may be shorter than from ``start`` to ``end``;
    ``engine_seconds`` the wall time until the engine had answered, its other work included.
    """

    index: int
    channel: int
    start: float
    end: float
    segments: tuple[Segment, ...] = ()
    drops: tuple[Drop, ...] = ()
    language: str | None = None
    engine: str | None = None
    audio_seconds: float = 0.0
    engine_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EnginePart:
    """A stretch of one channel that one engine worked on."""

    engine: str
    speaker: str | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader of a result should know: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class VideoInfo:
    width: int
    height: int
    frame_rate: float | None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the file is. ``duration`` is metered from decoded samples, never read from the header;
    while decoding is under way it is None."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    bit_rate: int | None = None
    duration: float | None = None
    claimed_duration: float | None = None
    video: VideoInfo | None = None


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """How the channels are used: ``labels`` has one entry a transcribed channel, ``(None,)`` for a mix.

    ``mode`` is what was decided and ``reason`` says why, in a few words.
    """

    mode: Literal["mix", "split"]
    labels: tuple[str | None, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A finished transcript. ``models`` maps each engine that worked on it to its version; ``parts`` says
    which did what, in time order; ``options`` is what was asked for, by the names of
    ``TranscriptionOptions``, and ``defaults`` what held beside it: the ``user``'s, and the ``settings``'."""

    segments: tuple[Segment, ...]
    language: str | None
    duration: float
    layout: ChannelLayout
    media: MediaInfo
    engine: str
    models: dict[str, str] = field(default_factory=dict)
    drops: tuple[Drop, ...] = ()
    notices: tuple[Notice, ...] = ()
    parts: tuple[EnginePart, ...] = ()
    processing_time: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All text, one segment a line, without speakers."""
        return "\n".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: seconds of the recording that are done, its length where known, and the segments that
    have become final since the last report."""

    position: float
    duration: float | None
    segments: tuple[Segment, ...]
