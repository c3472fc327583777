"""The guard: takes out what an engine invented, and says why.

Speech models answer noise and silence with captions they have read, and lose themselves in loops. Each rule
looks at one trace of that. Rules use what is known: the engine's own quality figures where it gives some,
else the text, its times and the speech that was heard under it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tiro.speech.phrases import is_courtesy, is_stock
from tiro.speech.repetition import SUNG, Loop, find_loops, is_stutter, loop_ratio
from tiro.speech.support import EDGE, hardly_heard, heard_under, speech_between, weakness
from tiro.speech.types import Drop, Quality, Segment, Span
from tiro.speech.words import clean, join, normalise, pieces, spoken_units, text_of, tokens

RULES = frozenset(
    {"no_speech", "low_confidence", "repetition", "stock_phrase", "impossible_rate"},
)

_NO_SPEECH = 0.6
_LOW_LOGPROB = -1.0
_HOPELESS_LOGPROB = -1.5  # no fallback to a higher temperature can have been worth keeping
_LAST_TEMPERATURE = 0.99  # Whisper tries up to 1.0
_RATE = 8.0  # words a second: nobody speaks faster for long
_ZERO_SHARE = 0.5  # of the words without length, from which on the times are invented
_ANSWER = 2  # words that are said again and again to whoever speaks
_LINES = 4  # times that a line is sung in a row
_SENTENCE = 4  # word triples of a text from which on it may not come again and again
_WORN = 6  # times that a song says the same three words in one window
_NO_QUALITY = Quality()


@dataclass(frozen=True, slots=True)
class GuardOutcome:
    """What stays and what was taken out, both in time order."""

    segments: tuple[Segment, ...]
    drops: tuple[Drop, ...]


class Guard:
    """Checks the segments of one window. Keeps no state, so the same window has the same outcome each time.

    Args:
        rules: names out of ``RULES`` that apply; None for all.

    Raises:
        ValueError: a rule has no such name.
    """

    def __init__(self, rules: frozenset[str] | None = None) -> None:
        self._rules = RULES if rules is None else rules
        if unknown := self._rules - RULES:
            raise ValueError(f"no such rule: {', '.join(sorted(unknown))}")

    def check(self, segments: Sequence[Segment], spans: Sequence[Span] | None = None) -> GuardOutcome:
        """Apply the rules to what the engine made of one window.

        Args:
            segments: in time order, in the same time as ``spans``.
            spans: the speech that voice activity detection heard in the window; None where that is not known.
        """
        kept: list[Segment] = []
        drops: list[Drop] = []
        for segment, heard in zip(segments, heard_under(segments, spans), strict=True):
            verdict = self._verdict(segment, heard)
            if verdict is None:
                kept.append(segment)
            else:
                drops.append(_drop(segment, *verdict))
        if "impossible_rate" in self._rules and spans is not None:
            kept, more = _fit_into_speech(kept, spans)
            drops += more
        if "repetition" in self._rules:
            kept, more = _without_loops(kept, spans)
            drops += more
        drops.sort(key=lambda drop: (drop.start, drop.end))
        return GuardOutcome(tuple(kept), tuple(drops))

    def _verdict(self, segment: Segment, heard: float | None) -> tuple[str, str] | None:
        """Rule and evidence where the segment and the speech under it are enough to drop it."""
        for rule, check in _CHECKS:
            if rule in self._rules and (evidence := check(segment, heard)):
                return rule, evidence
        return None


def _no_speech(segment: Segment, _: float | None) -> str | None:
    quality = segment.quality or _NO_QUALITY
    silent, sure = quality.no_speech_prob, quality.avg_logprob
    if silent is not None and sure is not None and silent > _NO_SPEECH and sure < _LOW_LOGPROB:
        return f"no-speech probability {silent:.2f} and average log-probability {sure:.2f}"
    return None


def _low_confidence(segment: Segment, _: float | None) -> str | None:
    quality = segment.quality or _NO_QUALITY
    sure, temperature = quality.avg_logprob, quality.temperature
    if sure is None:
        return None
    if sure < _HOPELESS_LOGPROB:
        return f"average log-probability {sure:.2f}"
    if sure < _LOW_LOGPROB and temperature is not None and temperature >= _LAST_TEMPERATURE:
        return f"average log-probability {sure:.2f} at the last temperature"
    return None


def _stock_phrase(segment: Segment, heard: float | None) -> str | None:
    if is_stock(segment.text):
        weak = weakness(segment, heard, no_speech=0.5, logprob=-0.9, share=0.6)
    elif is_courtesy(segment.text):
        weak = weakness(segment, heard, no_speech=0.6, logprob=-1.0, share=0.4)
    else:
        return None
    return f"a stock phrase with weak support: {weak}" if weak else None


def _impossible_rate(segment: Segment, heard: float | None) -> str | None:
    units = spoken_units(segment.text)
    length = max(0.0, segment.end - segment.start)
    if units > _most_words(length):
        return f"{units:.0f} words in {length:.1f} s"
    if heard is not None and units > _most_words(heard):
        return f"{units:.0f} words on {heard:.1f} s of speech"
    empty = sum(word.end <= word.start for word in segment.words)
    if empty >= 2 and empty > _ZERO_SHARE * len(segment.words):
        return f"{empty} of {len(segment.words)} words have no length"
    return None


def _nothing_heard(segment: Segment, heard: float | None) -> str | None:
    if heard is not None and hardly_heard(segment, heard):
        return f"{heard:.1f} s of speech under it"
    return None


_CHECKS: tuple[tuple[str, Callable[[Segment, float | None], str | None]], ...] = (
    ("no_speech", _no_speech),
    ("low_confidence", _low_confidence),
    ("stock_phrase", _stock_phrase),
    ("impossible_rate", _impossible_rate),
    ("no_speech", _nothing_heard),
)


def _most_words(seconds: float) -> float:
    """How many words fit into ``seconds``; three more than the rate gives, for short calls are fast."""
    return 3 + _RATE * seconds


def _fit_into_speech(segments: list[Segment], spans: Sequence[Span]) -> tuple[list[Segment], list[Drop]]:
    """Where all segments together are more than can be said in the speech heard, the least supported go."""
    speech = sum(span.length for span in spans)
    total = sum(spoken_units(segment.text) for segment in segments)
    if total <= _most_words(speech):
        return segments, []
    evidence = f"{total:.0f} words in all on {speech:.1f} s of speech in the window"
    kept = list(segments)
    drops: list[Drop] = []
    for segment in sorted(segments, key=lambda segment: _support(segment, spans)):
        if total <= _most_words(speech):
            break
        total -= spoken_units(segment.text)
        kept.remove(segment)
        drops.append(_drop(segment, "impossible_rate", evidence))
    return kept, drops


def _support(segment: Segment, spans: Sequence[Span]) -> tuple[float, float]:
    """Order of trust: speech heard for each word, then the earlier segment, for loops come at the end."""
    heard = speech_between(segment.start - EDGE, segment.end + EDGE, spans)
    return heard / max(1.0, spoken_units(segment.text)), -segment.start


def _without_loops(segments: list[Segment], spans: Sequence[Span] | None) -> tuple[list[Segment], list[Drop]]:
    kept: list[Segment] = []
    drops: list[Drop] = []
    for segment in segments:
        if is_stutter(segment.text):
            drops.append(_drop(segment, "repetition", "one syllable over and over"))
            continue
        rest, more = _collapse(segment)
        drops += more
        if rest is not None:
            kept.append(rest)
    kept, more = _without_repeated_segments(kept, spans)
    drops += more
    kept, more = _without_worn_segments(kept)
    return kept, drops + more


def _collapse(segment: Segment) -> tuple[Segment | None, list[Drop]]:
    """A loop inside a segment is said once; a text that is still one long repetition goes altogether."""
    units = segment.words or pieces(segment)
    loops = find_loops([normalise(unit.text) for unit in units])
    rest, drops = _cut(segment, loops) if loops else (segment, [])
    ratio = loop_ratio(clean(rest.text), SUNG)
    if ratio is not None:
        return None, [_drop(segment, "repetition", f"the text compresses {ratio:.1f} to 1")]
    return rest, drops


def _cut(segment: Segment, loops: list[Loop]) -> tuple[Segment, list[Drop]]:
    """``segment`` without the repeats. Its times stay: the sound under the repeats may be speech."""
    units = segment.words or pieces(segment)
    edges = [0, *(edge for loop in loops for edge in (loop.low, loop.high)), len(units)]
    ranges = [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high]
    rest = replace(
        segment,
        text=join([text_of(segment, low, high) for low, high in ranges]),
        words=tuple(word for low, high in ranges for word in segment.words[low:high]),
    )
    drops = []
    for loop in loops:
        start, end = units[loop.low].start, units[loop.high - 1].end
        text = text_of(segment, loop.low, loop.high)
        evidence = f"said {loop.times} times in a row"
        drops.append(Drop(start, end, text, "repetition", evidence, segment.speaker))
    return rest, drops


def _without_repeated_segments(
    segments: list[Segment], spans: Sequence[Span] | None
) -> tuple[list[Segment], list[Drop]]:
    # Whoever listens says "yes" each time that the other side pauses: that is no loop, however often.
    forms = ["" if spans and _stands_alone(one, spans) else normalise(one.text) for one in segments]
    lost = {place: loop for loop in find_loops(forms, _LINES) for place in range(loop.low, loop.high)}
    drops = [
        _drop(segments[place], "repetition", f"said {loop.times} times in a row, segment by segment")
        for place, loop in lost.items()
    ]
    return [segment for place, segment in enumerate(segments) if place not in lost], drops


def _stands_alone(segment: Segment, spans: Sequence[Span]) -> bool:
    """Whether it is a short answer with a stretch of speech of its own, as long as its words take."""
    own = [span for span in spans if span.start < segment.end and span.end > segment.start]
    if len(own) != 1:
        return False
    units = spoken_units(segment.text)
    if units > _ANSWER:
        return False
    return units / _RATE <= own[0].length <= units + 1 and abs(own[0].start - segment.start) <= EDGE


def _without_worn_segments(segments: list[Segment]) -> tuple[list[Segment], list[Drop]]:
    """Loops that change a little on their way: of what is said in threes, the window says most many times."""
    triples = [_triples(segment) for segment in segments]
    times = Counter(triple for several in triples for triple in several)
    kept: list[Segment] = []
    drops: list[Drop] = []
    seen: set[tuple[str, ...]] = set()
    for segment, own in zip(segments, triples, strict=True):
        worn = [triple for triple in own if times[triple] > _WORN]
        if len(own) >= _SENTENCE and len(worn) * 2 > len(own) and seen.issuperset(worn):
            evidence = (
                f"most of its words are said {max(times[triple] for triple in worn)} times in the window"
            )
            drops.append(_drop(segment, "repetition", evidence))
        else:
            kept.append(segment)
        seen.update(own)
    return kept, drops


def _triples(segment: Segment) -> list[tuple[str, ...]]:
    said = tokens(segment.text)
    return list(zip(said, said[1:], said[2:], strict=False))


def _drop(segment: Segment, rule: str, evidence: str) -> Drop:
    return Drop(segment.start, segment.end, segment.text, rule, evidence, segment.speaker)
