"""The guard: takes out what an engine invented, and says why.

Speech models answer noise and silence with captions they have read, and lose themselves in loops. Each rule
looks at one trace of that. Rules use what is known: the engine's own quality figures where it gives some,
else the text, its times and the speech that was heard under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tiro.speech.phrases import is_courtesy, is_stock
from tiro.speech.repetition import Loop, find_loops, is_stutter, loop_ratio
from tiro.speech.types import Drop, Quality, Segment, Span
from tiro.speech.words import clean, join, normalise, pieces, spoken_units, text_of

RULES = frozenset(
    {"no_speech", "low_confidence", "repetition", "stock_phrase", "impossible_rate"},
)

_NO_SPEECH = 0.6
_LOW_LOGPROB = -1.0
_HOPELESS_LOGPROB = -1.5  # no fallback to a higher temperature can have been worth keeping
_LAST_TEMPERATURE = 0.99  # Whisper tries up to 1.0
_RATE = 8.0  # words a second: nobody speaks faster for long
_EDGE = 0.5  # seconds by which an engine's times may be off
_ZERO_SHARE = 0.5  # of the words without length, from which on the times are invented
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
        for segment in segments:
            verdict = self._verdict(segment, spans)
            if verdict is None:
                kept.append(segment)
            else:
                drops.append(_drop(segment, *verdict))
        if "impossible_rate" in self._rules and spans is not None:
            kept, more = _fit_into_speech(kept, spans)
            drops += more
        if "repetition" in self._rules:
            kept, more = _without_loops(kept)
            drops += more
        drops.sort(key=lambda drop: (drop.start, drop.end))
        return GuardOutcome(tuple(kept), tuple(drops))

    def _verdict(self, segment: Segment, spans: Sequence[Span] | None) -> tuple[str, str] | None:
        """Rule and evidence where the segment alone is enough to drop it."""
        heard = None if spans is None else _speech_under(segment, spans)
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
        weak = _weak_support(segment, heard, no_speech=0.4, logprob=-0.7, share=0.5)
    elif is_courtesy(segment.text):
        weak = _weak_support(segment, heard, no_speech=0.6, logprob=-1.0, share=0.25)
    else:
        return None
    return f"a stock phrase with weak support: {weak}" if weak else None


def _weak_support(
    segment: Segment, heard: float | None, *, no_speech: float, logprob: float, share: float
) -> str | None:
    """Why the sound under the segment hardly carries it; ``share`` is of the time that its words need."""
    quality = segment.quality or _NO_QUALITY
    if quality.no_speech_prob is not None and quality.no_speech_prob > no_speech:
        return f"no-speech probability {quality.no_speech_prob:.2f}"
    if quality.avg_logprob is not None and quality.avg_logprob < logprob:
        return f"average log-probability {quality.avg_logprob:.2f}"
    needed = max(0.4, spoken_units(segment.text) / 4)  # at an easy pace
    if heard is not None and heard < share * needed:
        return f"{heard:.1f} s of speech under it where it takes {needed:.1f} s"
    return None


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


_CHECKS: tuple[tuple[str, Callable[[Segment, float | None], str | None]], ...] = (
    ("no_speech", _no_speech),
    ("low_confidence", _low_confidence),
    ("stock_phrase", _stock_phrase),
    ("impossible_rate", _impossible_rate),
)


def _most_words(seconds: float) -> float:
    """How many words fit into ``seconds``; three more than the rate gives, for short calls are fast."""
    return 3 + _RATE * seconds


def _speech_under(segment: Segment, spans: Iterable[Span]) -> float:
    """Seconds of speech heard under a segment, or close by."""
    low, high = segment.start - _EDGE, segment.end + _EDGE
    return sum(max(0.0, min(span.end, high) - max(span.start, low)) for span in spans)


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
    return _speech_under(segment, spans) / max(1.0, spoken_units(segment.text)), -segment.start


def _without_loops(segments: list[Segment]) -> tuple[list[Segment], list[Drop]]:
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
    kept, more = _without_repeated_segments(kept)
    drops += more
    ratio = loop_ratio(clean(" ".join(segment.text for segment in kept)))
    if len(kept) > 1 and ratio is not None:
        evidence = f"the window's text compresses {ratio:.1f} to 1"
        drops += [_drop(segment, "repetition", evidence) for segment in kept]
        kept = []
    return kept, drops


def _collapse(segment: Segment) -> tuple[Segment | None, list[Drop]]:
    """A loop inside a segment is said once; a text that is still one long repetition goes altogether."""
    units = segment.words or pieces(segment)
    loops = find_loops([normalise(unit.text) for unit in units])
    rest, drops = _cut(segment, loops) if loops else (segment, [])
    ratio = loop_ratio(clean(rest.text))
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


def _without_repeated_segments(segments: list[Segment]) -> tuple[list[Segment], list[Drop]]:
    loops = find_loops([normalise(segment.text) for segment in segments])
    lost = {place: loop for loop in loops for place in range(loop.low, loop.high)}
    drops = [
        _drop(segments[place], "repetition", f"said {loop.times} times in a row, segment by segment")
        for place, loop in lost.items()
    ]
    return [segment for place, segment in enumerate(segments) if place not in lost], drops


def _drop(segment: Segment, rule: str, evidence: str) -> Drop:
    return Drop(segment.start, segment.end, segment.text, rule, evidence, segment.speaker)
