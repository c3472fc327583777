"""What was asked of a transcription, what holds where nothing was, and what the engine can do of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tiro.engines.base import Capabilities, DecodingOptions
from tiro.engines.registry import AUTO, EngineSpec
from tiro.errors import UnsupportedLanguage, UnsupportedOption
from tiro.speech.options import MAX_TERMS, MIXED, RULES, Defaults, TranscriptionOptions, spoken
from tiro.speech.types import Notice, Task

_SPOKEN = {
    "vocabulary": "be told which words to expect",
    "prompt": "take a prompt",
    "beam": "search with a beam",
    "temperatures": "decode at a temperature",
    "word_times": "leave out the times of words",
}


USER = "user"
"""Whose the defaults of a recording's owner are; others are the installation's."""


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


def completed(
    options: TranscriptionOptions, defaults: Mapping[str, Defaults], capabilities: Capabilities
) -> tuple[TranscriptionOptions, dict[str, dict[str, Any]]]:
    """``options`` with what holds where they say nothing, and what that was: plain JSON values by whose.

    Args:
        defaults: by whose they are; the first that says something counts, and lists add up in this order.
    """
    used: dict[str, dict[str, Any]] = {}
    for whose, said in defaults.items():
        added = _missing(options, said, capabilities)
        if added.said():
            used[whose] = added.said()
        language = spoken(added.language)._asdict() if added.language else {}
        options = replace(
            options,
            vocabulary=(*options.vocabulary, *added.vocabulary),
            prompt=options.prompt or added.prompt,
            beam=options.beam or added.beam,
            guard_off=(*options.guard_off, *added.guard_off),
            **language,
        )
    return options, used


def wishes_of(options: TranscriptionOptions, capabilities: Capabilities) -> Wishes:
    """Out of what was asked, ``completed``."""
    said = DecodingOptions(
        vocabulary=options.vocabulary,
        prompt=options.prompt,
        beam=options.beam or DecodingOptions().beam,
        temperatures=options.temperatures or DecodingOptions().temperatures,
        word_times=options.word_times,
    )
    return Wishes(
        language=options.language,
        mixed_languages=options.mixed_languages,
        task=options.task,
        decoding=said.heeded(capabilities.heeds),
        rules=RULES.difference(options.guard_off),
    )


def check(options: TranscriptionOptions, spec: EngineSpec, capabilities: Capabilities) -> None:
    """Refuse before work starts what the engine cannot do.

    Raises:
        UnsupportedLanguage, UnsupportedOption.
    """
    language = options.language
    if language is not None and not _knows(capabilities, language):
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


def unused(
    options: TranscriptionOptions, said: Defaults, spec: EngineSpec, capabilities: Capabilities
) -> list[Notice]:
    """What a user set for all their recordings, and had no effect on this one for the engine's sake."""
    had = {name for name in ("vocabulary", "prompt") if getattr(said, name) and not getattr(options, name)}
    notices = [
        Notice(
            "option_ignored",
            f"The engine '{spec}' cannot {_SPOKEN[name]}: the user's '{name}' had no effect.",
        )
        for name in sorted(had - capabilities.heeds, reverse=True)
    ]
    if said.language and not _language_said(options) and not _speaks(capabilities, said.language):
        text = f"The engine '{spec}' cannot be told '{said.language}': the user's 'language' had no effect."
        notices.append(Notice("option_ignored", text))
    return notices


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


def _missing(options: TranscriptionOptions, said: Defaults, capabilities: Capabilities) -> Defaults:
    """What of ``said`` has an effect beside ``options``."""
    heeds = capabilities.heeds
    terms = [term for term in said.vocabulary if term not in options.vocabulary]
    room = MAX_TERMS - len(options.vocabulary)
    asks_for_language = _language_said(options) or not _speaks(capabilities, said.language)
    return Defaults(
        vocabulary=tuple(terms[:room]) if "vocabulary" in heeds else (),
        prompt=said.prompt if "prompt" in heeds and options.prompt is None else None,
        language=None if asks_for_language else said.language,
        beam=said.beam if "beam" in heeds and options.beam is None else None,
        guard_off=tuple(rule for rule in said.guard_off if rule not in options.guard_off),
    )


def _language_said(options: TranscriptionOptions) -> bool:
    return options.language is not None or options.mixed_languages or options.detect_language


def _speaks(capabilities: Capabilities, language: str | None) -> bool:
    """Whether an engine can be told this: a code, or ``mixed``."""
    if language == MIXED:
        return capabilities.detects_language
    return language is None or _knows(capabilities, language)


def _knows(capabilities: Capabilities, language: str) -> bool:
    return not capabilities.languages or language in capabilities.languages


def _chosen_for_them(options: TranscriptionOptions) -> bool:
    return EngineSpec.parse(options.engine).name == AUTO


def _unheeded(options: TranscriptionOptions, capabilities: Capabilities) -> list[str]:
    return [name for name in options.asked() if name in _SPOKEN and name not in capabilities.heeds]
