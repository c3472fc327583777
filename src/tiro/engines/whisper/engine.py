"""The engine: requests into batches of windows, decoded text into segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tiro.engines.base import DECODING, Capabilities, Prepared, TranscribeRequest
from tiro.engines.whisper.decoding import Decoded, Decoder, Item
from tiro.engines.whisper.features import FeatureExtraction
from tiro.engines.whisper.prompts import Prompts
from tiro.engines.whisper.sampling import seed_of
from tiro.engines.whisper.words import segments_of
from tiro.errors import EngineFailed, InvalidRequest, TiroError, UnsupportedLanguage, UnsupportedOption
from tiro.speech.types import SAMPLE_RATE, Segment

JOIN_GAP = 15.0
"""Seconds of silence over which speech shares a window: the encoder takes as long for a word as for 30 s."""

LONGEST_PAUSE = 0.5
"""Seconds that are left of a pause between, beside what every stretch of speech keeps around it. Whisper is
apt to make something up where it hears nothing."""


@dataclass(frozen=True, slots=True)
class WhisperTraits:
    """What the loaded model is and how it is run.

    ``batch`` and ``workers`` are as in ``Capabilities``.
    """

    name: str
    version: str
    multilingual: bool
    translates: bool
    batch: int
    workers: int


class WhisperEngine:
    """One loaded model that serves many requests at once.

    The same window gets the same text each time: tokens are drawn from a seed that the audio gives. Whether
    a window is decoded alone or among others changes at most how sums are rounded, which may tip the balance
    between two words that the model finds equally likely. A job that goes on after a break does not depend
    on that: what was recorded is not decoded again.

    It may invent text where nobody speaks: windows come through the voice activity gate first.
    """

    def __init__(
        self, decoder: Decoder, features: FeatureExtraction, prompts: Prompts, traits: WhisperTraits
    ) -> None:
        self._decoder = decoder
        self._features = features
        self._prompts = prompts
        self._traits = traits

    @property
    def capabilities(self) -> Capabilities:
        traits = self._traits
        return Capabilities(
            model=f"whisper {traits.name} ({traits.version})",
            languages=self._prompts.languages,
            detects_language=traits.multilingual,
            translates=traits.translates,
            max_window=30.0,
            join_gap=JOIN_GAP,
            longest_pause=LONGEST_PAUSE,
            parallel=1,
            batch=traits.batch,
            workers=traits.workers,
            heeds=DECODING,
        )

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        return self._alone(self.prepare(request))

    def _alone(self, prepared: Prepared) -> Iterator[Segment]:
        [outcome] = self.transcribe_batch([prepared])
        if isinstance(outcome, TiroError):
            raise outcome
        yield from outcome

    def prepare(self, request: TranscribeRequest) -> Prepared:
        self._check(request)
        options = request.decoding
        context = self._prompts.context(options)
        item = None
        if len(request.audio):
            mel, frames = self._features(request.audio)
            stop = request.stop
            item = Item(
                mel=mel,
                frames=frames,
                duration=len(request.audio) / SAMPLE_RATE,
                language=request.language or (None if self._traits.multilingual else "en"),
                context=context,
                seed=seed_of(request.audio),
                wanted=lambda: stop is None or not stop.is_set(),
            )
        # Prompts of one batch must be equally long; what they say may differ, and the language too.
        search = (options.beam, options.temperatures, options.word_times)
        return Prepared(request, (request.task, search, len(context)), item)

    def transcribe_batch(self, requests: Sequence[Prepared]) -> list[list[Segment] | TiroError]:
        """As in ``BatchEngine``.

        Raises:
            EngineFailed: on the batch as a whole.
        """
        items: dict[int, Item] = {
            place: prepared.inputs
            for place, prepared in enumerate(requests)
            if prepared.inputs is not None and prepared.inputs.wanted()
        }
        outcomes: list[list[Segment] | TiroError] = [[] for _ in requests]
        if not items:
            return outcomes
        first = requests[0].request
        try:
            results = self._decoder.decode(list(items.values()), first.task, first.decoding)
        except (RuntimeError, ValueError) as err:  # what CTranslate2 raises, out of memory included
            raise EngineFailed(f"Whisper failed on this window: {err}") from err
        for place, decoded in zip(items, results, strict=True):
            if decoded is not None:
                outcomes[place] = _segments(decoded, items[place].duration)
        return outcomes

    def _check(self, request: TranscribeRequest) -> None:
        traits, options = self._traits, request.decoding
        if request.language is not None and request.language not in self._prompts.languages:
            knows = "many languages, but not" if traits.multilingual else "English ('en') only, not"
            raise UnsupportedLanguage(
                f"The Whisper model '{traits.name}' knows {knows} '{request.language}'."
            )
        if request.task == "translate" and not traits.translates:
            raise UnsupportedOption(
                f"The Whisper model '{traits.name}' cannot translate; 'small' and 'large-v3' can."
            )
        if options.beam < 1:
            raise InvalidRequest("The beam must be at least 1.")
        if not options.temperatures or not all(0 <= value <= 1 for value in options.temperatures):
            raise InvalidRequest("Temperatures must be between 0 and 1, and there must be at least one.")


def _segments(decoded: Decoded, duration: float) -> list[Segment]:
    """What was decoded, in the window's time."""
    if not decoded.text:
        return []
    if decoded.pieces:
        return segments_of(decoded.pieces, decoded.language, decoded.quality)
    return [Segment(0.0, duration, decoded.text, language=decoded.language, quality=decoded.quality)]
