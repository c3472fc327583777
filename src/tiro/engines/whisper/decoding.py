"""A batch of windows through the model: encode, detect, decode, and decode again what came out badly.

CTranslate2's model is thread-safe: each call is worked on by one of its workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tiro.engines.base import DecodingOptions
from tiro.engines.whisper.encoder import Encoder
from tiro.engines.whisper.features import FRAME_RATE, Mel
from tiro.engines.whisper.prompts import MOST_TOKENS, Prompts
from tiro.engines.whisper.sampling import Draw
from tiro.engines.whisper.storage import storage
from tiro.engines.whisper.words import Piece, placed
from tiro.speech.repetition import compression_ratio, is_stutter, loop_ratio
from tiro.speech.types import Quality, Task

LOW_LOGPROB = -1.0
NO_SPEECH = 0.6

_SAMPLED_AT_ONCE = 4  # each brings the distributions of all its steps: 10 to 50 MB a window
_FEWEST_FRAMES = FRAME_RATE  # of a window that words are placed in


@dataclass(frozen=True, slots=True)
class Item:
    """One window of a batch.

    Attributes:
        language: None to detect it.
        context: tokens of vocabulary and prompt; of equal length in one batch.
        frames: of ``mel`` that are audio.
        duration: of the audio, in seconds.
        seed: for drawing tokens.
        wanted: whether anybody still waits for the result.
    """

    mel: Mel
    frames: int
    duration: float
    language: str | None
    context: list[int]
    seed: int
    wanted: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out of one window. ``pieces`` is None where words were not asked for."""

    tokens: list[int]
    text: str
    language: str
    quality: Quality
    pieces: list[Piece] | None = None

    @property
    def loops(self) -> bool:
        return loop_ratio(self.text) is not None or is_stutter(self.text)

    @property
    def passes(self) -> bool:
        """Whether the result is good enough. Where nobody seems to speak, none would be better."""
        sure, silent = self.quality.avg_logprob, self.quality.no_speech_prob
        unsure = sure is not None and sure < LOW_LOGPROB
        if unsure and silent is not None and silent > NO_SPEECH:
            return True
        return not (unsure or self.loops)


class Decoder:
    """Windows into words.

    Args:
        model: ``ctranslate2.models.Whisper``.
        encode: runs its encoder.
        aligns: whether the model knows which of its attention heads follow the audio.
    """

    def __init__(self, model: Any, encode: Encoder, prompts: Prompts, *, aligns: bool) -> None:
        self._model = model
        self._encode = encode
        self._prompts = prompts
        self._aligns = aligns

    def decode(self, items: Sequence[Item], task: Task, options: DecodingOptions) -> list[Decoded | None]:
        """Decode a batch; None for a window that nobody wants any more.

        Raises:
            RuntimeError: from CTranslate2, out of memory included.
        """
        encoded = self._encode([item.mel for item in items])
        wanted = [place for place, item in enumerate(items) if item.wanted()]
        if not wanted:
            return [None] * len(items)
        batch = _Batch(self._model, self._prompts, encoded, items, task, options)
        found: dict[int, Decoded] = batch.first(wanted)
        found |= batch.again({place: one for place, one in found.items() if not one.passes})
        if options.word_times and self._aligns:
            found = batch.timed(found)
        return [found.get(place) for place in range(len(items))]


class _Batch:
    """One batch on its way. Windows are named by their place in it."""

    def __init__(
        self,
        model: Any,
        prompts: Prompts,
        encoded: Any,
        items: Sequence[Item],
        task: Task,
        options: DecodingOptions,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._encoded = encoded
        self._items = items
        self._task = task
        self._options = options
        self._languages = self._detected()
        self._silence: dict[int, float] = {}

    def _detected(self) -> list[str]:
        """The language of each window: the one asked for, or the likeliest."""
        given = [item.language for item in self._items]
        if all(given):
            return [language for language in given if language]
        likely = [ranked[0][0].strip("<|>") for ranked in self._model.detect_language(self._encoded)]
        return [language or found for language, found in zip(given, likely, strict=True)]

    def first(self, places: list[int]) -> dict[int, Decoded]:
        """All of ``places`` at the first temperature."""
        temperature = self._options.temperatures[0]
        results = self._generate(
            places,
            [self._prompt(place) for place in places],
            # A first temperature above 0 needs this pass too: for the probability that nobody speaks.
            beam_size=self._options.beam if temperature == 0 else 1,
            patience=1.0,
            length_penalty=1.0,
            return_scores=True,
            return_no_speech_prob=True,
        )
        for place, result in zip(places, results, strict=True):
            self._silence[place] = result.no_speech_prob
        if temperature > 0:
            return self._sampled(places, temperature)
        found = {}
        for place, result in zip(places, results, strict=True):
            tokens = result.sequences_ids[0]
            # The score is a mean that leaves the end token out of the count, but not out of the sum.
            mean = result.scores[0] * len(tokens) / (len(tokens) + 1)
            found[place] = self._decoded(place, tokens, mean, temperature)
        return found

    def again(self, failed: dict[int, Decoded]) -> dict[int, Decoded]:
        """Decode at one temperature after the other until the result passes.

        Where none does, the best of them comes back with the last temperature, so that the guard can tell.
        """
        tries = {place: [one] for place, one in failed.items()}
        done: dict[int, Decoded] = {}
        for temperature in self._options.temperatures[1:]:
            places = [place for place in tries if place not in done and self._items[place].wanted()]
            if not places:
                break
            for place, one in self._sampled(places, temperature).items():
                tries[place].append(one)
                if one.passes:
                    done[place] = one
        for place, ones in tries.items():
            if place not in done:
                best = max(ones, key=lambda one: (not one.loops, one.quality.avg_logprob or -math.inf))
                last = replace(best.quality, temperature=ones[-1].quality.temperature)
                done[place] = replace(best, quality=last)
        return done

    def timed(self, found: dict[int, Decoded]) -> dict[int, Decoded]:
        """With words: one pass over the texts, for all windows of a language together."""
        timed = dict(found)
        for language in sorted({one.language for one in found.values()}):
            places = [p for p, one in found.items() if one.language == language and one.tokens]
            if not places:
                continue
            alignments = self._model.align(
                self._part(places),
                self._prompts.start(language, self._task),
                [found[place].tokens for place in places],
                [max(_FEWEST_FRAMES, self._items[place].frames) for place in places],
            )
            for place, alignment in zip(places, alignments, strict=True):
                words, lengths = self._prompts.words(found[place].tokens, language)
                pieces = placed(words, lengths, alignment, self._items[place].duration)
                timed[place] = replace(found[place], pieces=pieces)
        return timed

    def _sampled(self, places: list[int], temperature: float) -> dict[int, Decoded]:
        end = self._prompts.end
        draws = {place: Draw(self._items[place].seed, temperature, end) for place in places}
        for first in range(0, len(places), _SAMPLED_AT_ONCE):
            under_way = places[first : first + _SAMPLED_AT_ONCE]
            while under_way:
                results = self._generate(
                    under_way,
                    [self._prompt(place) + draws[place].forced for place in under_way],
                    beam_size=1,
                    return_logits_vocab=True,
                )
                under_way = [
                    place
                    for place, result in zip(under_way, results, strict=True)
                    if not draws[place].follow(result.sequences_ids[0], result.logits[0])
                ]
        return {p: self._decoded(p, draw.tokens, draw.avg_logprob, temperature) for p, draw in draws.items()}

    def _generate(self, places: list[int], prompts: list[list[int]], **options: Any) -> list[Any]:
        results: list[Any] = self._model.generate(
            self._part(places),
            prompts,
            max_length=MOST_TOKENS,
            suppress_blank=True,
            suppress_tokens=self._prompts.suppressed,
            **options,
        )
        return results

    def _prompt(self, place: int) -> list[int]:
        return self._prompts.whole(self._items[place].context, self._languages[place], self._task)

    def _part(self, places: list[int]) -> Any:
        """The encoder's output for some of the windows."""
        if len(places) == len(self._items):
            return self._encoded
        import ctranslate2

        plain = self._encoded.to(ctranslate2.DataType.float32).to_device(ctranslate2.Device.cpu)
        return storage(np.asarray(plain)[places])

    def _decoded(self, place: int, tokens: list[int], mean: float, temperature: float) -> Decoded:
        plain = self._prompts.plain(tokens)
        text = self._prompts.text(plain, self._languages[place])
        quality = Quality(
            avg_logprob=finite(mean),
            no_speech_prob=finite(self._silence[place]),
            compression_ratio=compression_ratio(text),
            temperature=temperature,
        )
        return Decoded(plain, text, self._languages[place], quality)


def finite(value: float) -> float | None:
    """``value`` as a plain float; None where it is none that JSON can carry."""
    return float(value) if math.isfinite(value) else None
