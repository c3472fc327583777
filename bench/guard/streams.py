"""Streams of segments as Whisper gives them for windows of recordings, said and invented, out of a seed.

Quality figures, times of words and the speech heard under the text are drawn from what is published and
reported of Whisper and of voice activity detection, never from what Tiro's rules look for: an invention may
come with a fair log-probability, without a no-speech probability, or without figures altogether, and what was
said may come with bad ones. Whisper's figures are those of a whole window, so where it was decoded in one go,
an invention shares them with what was said around it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace

from bench.guard import sayings
from tiro.speech.types import Quality, Segment, Span, Word

_UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_WINDOW = 30.0
_SHORTEST_PAUSE = 0.5  # seconds: of less, voice activity detection makes no end of speech


@dataclass(frozen=True, slots=True)
class Line:
    """A segment and the truth about it. ``said``: all of it was; ``once``: what may stay of a loop."""

    segment: Segment
    kind: str
    said: bool
    once: str | None = None


@dataclass(slots=True)
class Stream:
    """One window: its lines in time order, and the speech that was heard in it."""

    lines: list[Line] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    end: float = 0.0


class Maker:
    """Makes streams; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._figures = True

    def window(self) -> Stream:
        """The beginning of a window, often with a conversation in it."""
        # Behind a server, Whisper often comes without its figures.
        self._figures = self.random.random() < 0.8
        stream = Stream(end=self.random.uniform(0.0, 0.5))
        for _ in range(self.random.choice((0, 0, 1, 2, 3, 4))):
            self.talk(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Perhaps the conversation goes on behind it."""
        if stream.end < _WINDOW / 2 and self.random.random() < 0.4:
            self.pause(stream)
            self.talk(stream)
        if self._figures and self.random.random() < 0.7:
            self._share_figures(stream)

    def _share_figures(self, stream: Stream) -> None:
        """One decoding, one set of figures: the mean over its words, and silence only where nobody spoke."""
        weights = [len(units_of(line.segment.text)) for line in stream.lines]
        known = [line.segment.quality or Quality() for line in stream.lines]
        sure = sum(
            weight * (one.avg_logprob or 0.0) for weight, one in zip(weights, known, strict=True)
        ) / sum(weights)
        silent = min(one.no_speech_prob or 0.0 for one in known)
        shared = Quality(sure, silent, None, max(one.temperature or 0.0 for one in known))
        stream.lines = [replace(line, segment=replace(line.segment, quality=shared)) for line in stream.lines]

    # --- what is said --------------------------------------------------------------------------------

    def talk(self, stream: Stream) -> None:
        self.say(stream, "conversation", self.random.choice(sayings.CONVERSATION))

    def say(
        self, stream: Stream, kind: str, text: str, *, pace: float | None = None, short: bool = False
    ) -> None:
        """A line that was said, and heard nearly all the way."""
        chance = self.random
        self.pause(stream)
        pace = pace or min(5.5, max(1.6, chance.gauss(3.0, 0.7)))
        length = max(0.25, effort(text) / pace)
        start, end = stream.end, stream.end + length
        # The times of segments and of voice activity are each a little off.
        early, late = chance.uniform(-0.15, 0.2), chance.uniform(-0.15, 0.25)
        segment = self._segment(max(0.0, start - early), end + late, text, self._said_quality(short=short))
        stream.lines.append(Line(self._without_some_lengths(segment), kind, said=True))
        heard_from = start + chance.uniform(-0.1, 0.15 if length > 0.6 else 0.05)
        heard_to = end + chance.uniform(-0.1 if length > 0.6 else 0.0, 0.2)
        if length > 0.6 or chance.random() > 0.01:  # a short word is missed now and then
            hear(stream, heard_from, heard_to)
        stream.end = max(end, segment.end)

    def _said_quality(self, *, short: bool) -> Quality | None:
        chance = self.random
        if not self._figures:
            return None
        # A bad line, a strong accent: the model is right and not sure.
        hard = chance.random() < 0.15
        sure = chance.gauss(-0.55 if hard or short else -0.27, 0.18 if hard or short else 0.1)
        silent = chance.betavariate(1, 8) if short or chance.random() < 0.08 else chance.betavariate(1, 40)
        return Quality(
            min(-0.03, max(-0.98, sure)), silent, None, chance.choice((0.0, 0.0, 0.2)) if hard else 0.0
        )

    def _without_some_lengths(self, segment: Segment) -> Segment:
        """Now and then alignment leaves the first words of a line without length, though they were said."""
        chance = self.random
        if chance.random() > 0.03 or len(segment.words) < 5:
            return segment
        empty = chance.randint(1, 3)
        words = [
            Word(segment.start, segment.start, word.text, word.confidence) if place < empty else word
            for place, word in enumerate(segment.words)
        ]
        return Segment(segment.start, segment.end, segment.text, tuple(words), quality=segment.quality)

    # --- what is not ---------------------------------------------------------------------------------

    def invent(
        self,
        stream: Stream,
        kind: str,
        text: str,
        length: float,
        quality: Quality | None,
        once: str | None = None,
    ) -> Segment:
        """A line that nobody said, from where the stream is on."""
        segment = self._segment(stream.end, stream.end + length, text, quality)
        stream.lines.append(Line(segment, kind, said=False, once=once))
        stream.end = segment.end
        return segment

    def invent_piled(
        self, stream: Stream, kind: str, text: str, length: float, quality: Quality | None
    ) -> None:
        """The same, with nearly all words at one point of time."""
        low, high = stream.end, stream.end + length
        units = units_of(text)
        loose = self.random.randint(1, max(1, len(units) // 4))  # words that alignment did place
        words = [
            Word(high, high, unit, 0.3) if place >= loose else Word(low, low + 0.3, unit, 0.5)
            for place, unit in enumerate(units)
        ]
        segment = Segment(low, high, text, tuple(words), quality=quality)
        stream.lines.append(Line(segment, kind, said=False))
        stream.end = high

    def false_alarm(self, stream: Stream, start: float, end: float) -> None:
        """What voice activity detection takes for speech in a noise: mostly a short stretch of it."""
        length = min(end - start, self.random.choice((0.0, 0.1, 0.15, 0.25, 0.3)))
        if length > 0:
            place = self.random.uniform(start, end - length)
            hear(stream, place, place + length)

    def noise_quality(self) -> Quality | None:
        """On sounds without speech: large models are fairly sure of captions; the newest ones seldom say that
        there is no speech."""
        chance = self.random
        if not self._figures:
            return None
        silent = chance.betavariate(5, 2) if chance.random() < 0.65 else chance.betavariate(1, 12)
        return Quality(min(-0.1, chance.gauss(-0.65, 0.3)), silent, None, chance.choice((0.0, 0.0, 0.4, 1.0)))

    def loop_quality(self) -> Quality | None:
        """A loop is sure of itself."""
        chance = self.random
        if not self._figures:
            return None
        return Quality(
            min(-0.02, chance.gauss(-0.2, 0.12)),
            chance.betavariate(1, 3),
            None,
            chance.choice((0.0, 0.4, 1.0)),
        )

    def pause(self, stream: Stream) -> None:
        stream.end += self.random.choice((0.1, 0.2, 0.3, 0.5, 0.5))

    def _segment(self, start: float, end: float, text: str, quality: Quality | None) -> Segment:
        units = units_of(text)
        weights = [len(unit) + 1 for unit in units]
        total = sum(weights)
        words, done = [], 0
        for unit, weight in zip(units, weights, strict=True):
            low, high = (start + (end - start) * part / total for part in (done, done + weight))
            words.append(Word(round(low, 2), round(high, 2), unit, 0.5))
            done += weight
        timed = self.random.random() < 0.85
        return Segment(start, end, text, tuple(words) if timed else (), quality=quality)


def units_of(text: str) -> list[str]:
    """Words with the space before them; of a script without spaces, its characters."""
    parts = re.findall(r"\s*\S+", text)
    return [unit for part in parts for unit in (list(part) if _UNSPACED.search(part) else [part])]


def effort(text: str) -> float:
    """How many words of speaking it is: a letter that is spelled counts as one, two digits of a number or two
    characters of a script without spaces as one too."""
    parts = re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|\d+|[^\W\d\u3040-\u30ff\u4e00-\u9fff]+", text)
    return sum(
        max(1.0, len(part) / 2) if part.isdecimal() else 0.5 if _UNSPACED.match(part) else 1.0
        for part in parts
    )


def hear(stream: Stream, start: float, end: float) -> None:
    """Add a span; those with hardly a pause between them are one."""
    start = max(0.0, start)
    if end <= start:
        return
    if stream.spans and start - stream.spans[-1].end < _SHORTEST_PAUSE:
        before = stream.spans.pop()
        start, end = min(before.start, start), max(before.end, end)
    stream.spans.append(Span(start, end))
