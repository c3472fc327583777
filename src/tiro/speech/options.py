"""What a caller may ask of a transcription: one value for every way in, with one set of bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tiro.errors import InvalidRequest
from tiro.speech import crosstalk, guard
from tiro.speech.languages import language_code
from tiro.speech.types import ChannelMode, Task

MIXED = "mixed"
"""In place of a language: several are spoken, so each window is asked anew."""

RULES = guard.RULES | {crosstalk.RULE}
"""Every rule by which text is dropped: those of the guard, and the one between channels."""

MAX_TERMS = 200
MAX_TERM = 100
MAX_PROMPT = 2_000
MAX_BEAM = 16
MAX_TEMPERATURES = 6


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """How one recording is to be transcribed. None and empty leave it to the defaults of the installation.

    Attributes:
        engine: ``auto``, ``whisper``, ``whisper:MODEL`` or another engine's name.
        language: ISO 639 code; None: detected where the engine can.
        mixed_languages: the language is detected for each window anew.
        channels: keep the two sides of a call apart, mix them, or look.
        task: ``translate`` gives English text.
        vocabulary: names and terms to be expected, most important first.
        prompt: text that could stand before the recording; its words and its style are taken up.
        beam: hypotheses that are kept side by side; 1 is greedy.
        temperatures: tried in this order until a result passes the quality limits.
        word_times: whether words get times.
        guard_off: which of ``RULES`` do not apply.

    Raises:
        InvalidRequest: a value is out of bounds; the message names the field.
    """

    engine: str = "auto"
    language: str | None = None
    mixed_languages: bool = False
    channels: ChannelMode = "auto"
    task: Task = "transcribe"
    vocabulary: tuple[str, ...] = ()
    prompt: str | None = None
    beam: int | None = None
    temperatures: tuple[float, ...] = ()
    word_times: bool = True
    guard_off: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.vocabulary) > MAX_TERMS or any(len(term) > MAX_TERM for term in self.vocabulary):
            raise InvalidRequest(
                f"vocabulary: at most {MAX_TERMS} terms of at most {MAX_TERM} characters each."
            )
        if self.prompt is not None and len(self.prompt) > MAX_PROMPT:
            raise InvalidRequest(f"prompt: at most {MAX_PROMPT} characters.")
        if self.beam is not None and not 1 <= self.beam <= MAX_BEAM:
            raise InvalidRequest(f"beam: a number from 1 (greedy) to {MAX_BEAM}.")
        if len(self.temperatures) > MAX_TEMPERATURES or not all(0 <= t <= 1 for t in self.temperatures):
            raise InvalidRequest(f"temperature: at most {MAX_TEMPERATURES} numbers from 0 to 1.")
        if unknown := set(self.guard_off) - RULES:
            known = ", ".join(sorted(RULES))
            raise InvalidRequest(f"guard_off: there is no rule '{min(unknown)[:40]}'. There are: {known}.")
        if self.mixed_languages and self.language is not None:
            raise InvalidRequest("language: either one language or 'mixed'.")

    @property
    def engine_name(self) -> str:
        """The engine without its model: ``whisper`` of ``whisper:small``."""
        return self.engine.partition(":")[0].strip().lower()

    def asked(self) -> dict[str, Any]:
        """What differs from the defaults, as plain JSON values; ``from_asked`` reads it back."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @staticmethod
    def from_asked(values: Mapping[str, Any]) -> TranscriptionOptions:
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return TranscriptionOptions(**read)


def spoken(text: str | None) -> tuple[str | None, bool]:
    """``language`` and ``mixed_languages`` out of one word: a code, a name, ``auto`` or ``mixed``.

    Raises:
        UnsupportedLanguage: there is no such language here.
    """
    if text is not None and text.strip().lower() == MIXED:
        return None, True
    return language_code(text), False


def terms(texts: Iterable[str]) -> tuple[str, ...]:
    """Terms separated by commas, semicolons or lines; each once, in their order."""
    found = (" ".join(part.split()) for text in texts for part in re.split(r"[,;\n]", text))
    return tuple(dict.fromkeys(term for term in found if term))


def numbers(texts: Iterable[str], field: str) -> tuple[float, ...]:
    """Numbers separated like terms.

    Raises:
        InvalidRequest: one is no number; the message names ``field``.
    """
    try:
        return tuple(float(term) for text in texts for term in terms([text]))
    except ValueError as err:
        raise InvalidRequest(f"{field}: only numbers, such as 0 or 0.2.") from err
