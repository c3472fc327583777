"""``echo``: an engine for tests and demonstrations that counts instead of listening.

Its text depends on nothing but the length of the audio, so a test knows what must come out.
``echo:0.5`` takes half a second for each second of audio; plain ``echo`` takes no time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from tiro.engines.base import Availability, Capabilities, EngineOptions, TranscribeRequest
from tiro.errors import UnknownEngine, UnsupportedLanguage, UnsupportedOption
from tiro.speech.types import SAMPLE_RATE, Segment, Word

WORD_SECONDS = 0.4
SEGMENT_WORDS = 12
"""A segment lasts at most 4.8 seconds."""

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_UNITS = _BELOW_TWENTY.split()
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number(value: int) -> str:
    """``value`` modulo 100 as one word."""
    value %= 100
    if value < 20:
        return _UNITS[value]
    tens, units = divmod(value, 10)
    return _TENS[tens - 2] + (f"-{_UNITS[units]}" if units else "")


class EchoEngine:
    """Counts from one, a word each 0.4 s, whatever is said. Digital silence gives nothing."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._asleep = threading.Event()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            model="echo 1",
            languages=frozenset({"en"}),
            parallel=1,
            notice="The echo engine only counts, it does not listen: this is no transcript of the recording.",
        )

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        if request.language not in (None, "en"):
            raise UnsupportedLanguage(
                f"The echo engine counts in English ('en') only, not '{request.language}'."
            )
        if request.task != "transcribe":
            raise UnsupportedOption("The echo engine cannot translate.")
        return self._count(request)

    def _count(self, request: TranscribeRequest) -> Iterator[Segment]:
        duration = len(request.audio) / SAMPLE_RATE
        # A rounding error must not cost the last word.
        words = int(duration / WORD_SECONDS + 1e-6) if np.any(request.audio) else 0
        for first in range(0, words, SEGMENT_WORDS):
            last = min(first + SEGMENT_WORDS, words)
            if self._wait((last - first) * WORD_SECONDS * self._pace, request.stop):
                return
            yield self._segment(first, last, duration)
        self._wait((duration - words * WORD_SECONDS) * self._pace, request.stop)

    def _segment(self, first: int, last: int, duration: float) -> Segment:
        words = tuple(
            Word(
                round(index * WORD_SECONDS, 3),
                min(round((index + 1) * WORD_SECONDS, 3), duration),
                number(index + 1),
            )
            for index in range(first, last)
        )
        text = " ".join(word.text for word in words)
        return Segment(words[0].start, words[-1].end, text, words, language="en")

    def _wait(self, seconds: float, stop: threading.Event | None) -> bool:
        """Sleep; True as soon as ``stop`` is set."""
        return (stop or self._asleep).wait(max(0.0, seconds))


class EchoProvider:
    """Always there."""

    name = "echo"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        self._pace(model)
        return Availability(True, "Counts instead of listening; for tests and demonstrations.")

    def load(self, model: str | None, options: EngineOptions) -> EchoEngine:
        return EchoEngine(self._pace(model))

    @staticmethod
    def _pace(model: str | None) -> float:
        try:
            pace = float(model or 0)
        except ValueError:
            pace = -1.0
        if not 0 <= pace <= 1000:
            raise UnknownEngine(
                f"echo:{model} is not an engine: echo takes seconds of work a second of audio, as echo:0.5."
            )
        return pace


PROVIDER = EchoProvider()
