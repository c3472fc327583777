"""What was asked of a transcription, what holds where nothing was, and what the engine can do of it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from tiro.engines.base import Capabilities, DecodingOptions
from tiro.engines.registry import AUTO, EngineSpec
from tiro.errors import UnsupportedLanguage, UnsupportedOption
from tiro.speech.options import RULES, TranscriptionOptions
from tiro.speech.types import Notice, Task

_SPOKEN = {
    "vocabulary": "be told which words to expect",
    "prompt": "take a prompt",
    "beam": "search with a beam",
    "temperatures": "decode at a temperature",
    "word_times": "leave out the times of words",
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a request does not say otherwise.

    ``vocabulary`` and ``guard_off`` are added to the request's own; what an engine does not heed is left out
    without a word.
    """

    vocabulary: tuple[str, ...] = ()
    beam: int | None = None
    guard_off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that an engine and the guard are told about a recording."""

    language: str | None
    mixed_languages: bool
    task: Task
    decoding: DecodingOptions
    rules: frozenset[str]

    def as_text(self) -> str:
        """Equal for equal wishes, in every process."""
        return json.dumps(dataclasses.asdict(self) | {"rules": sorted(self.rules)}, sort_keys=True)


def wishes_of(options: TranscriptionOptions, defaults: Defaults, capabilities: Capabilities) -> Wishes:
    said = DecodingOptions(
        vocabulary=tuple(dict.fromkeys((*options.vocabulary, *defaults.vocabulary))),
        prompt=options.prompt,
        beam=options.beam or defaults.beam or DecodingOptions().beam,
        temperatures=options.temperatures or DecodingOptions().temperatures,
        word_times=options.word_times,
    )
    return Wishes(
        language=options.language,
        mixed_languages=options.mixed_languages,
        task=options.task,
        decoding=said.heeded(capabilities.heeds),
        rules=RULES - {*options.guard_off, *defaults.guard_off},
    )


def check(options: TranscriptionOptions, spec: EngineSpec, capabilities: Capabilities) -> None:
    """Refuse before work starts what the engine cannot do.

    Raises:
        UnsupportedLanguage, UnsupportedOption.
    """
    language = options.language
    if language is not None and capabilities.languages and language not in capabilities.languages:
        known = ", ".join(sorted(capabilities.languages))
        raise UnsupportedLanguage(
            f"The engine '{spec}' does not know the language '{language}'. It knows: {known}."
        )
    if options.task == "translate" and not capabilities.translates:
        raise UnsupportedOption(
            f"The engine '{spec}' cannot translate. A Whisper model that knows many languages can."
        )
    if not _chosen_for_them(options) and (names := _unheeded(options, capabilities)):
        raise UnsupportedOption(f"The engine '{spec}' cannot {_SPOKEN[names[0]]}: leave out '{names[0]}'.")


def ignored(options: TranscriptionOptions, spec: EngineSpec, capabilities: Capabilities) -> list[Notice]:
    """What had no effect on an engine that nobody named: a transcript without is better than none."""
    if not _chosen_for_them(options):
        return []
    return [
        Notice("option_ignored", f"The engine '{spec}' cannot {_SPOKEN[name]}: '{name}' had no effect.")
        for name in _unheeded(options, capabilities)
    ]


def lost(decoding: DecodingOptions, capabilities: Capabilities) -> list[str]:
    """What an engine cannot do of ``decoding``, each to follow "cannot"."""
    usual = DecodingOptions()
    return [
        words
        for name, words in _SPOKEN.items()
        if name not in capabilities.heeds and getattr(decoding, name) != getattr(usual, name)
    ]


def _chosen_for_them(options: TranscriptionOptions) -> bool:
    return EngineSpec.parse(options.engine).name == AUTO


def _unheeded(options: TranscriptionOptions, capabilities: Capabilities) -> list[str]:
    return [name for name in options.asked() if name in _SPOKEN and name not in capabilities.heeds]
