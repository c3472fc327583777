"""How far the sound carries a text: the speech that was heard under it, and how sure the engine is."""

from __future__ import annotations

from collections.abc import Sequence

from tiro.speech.types import Quality, Segment, Span
from tiro.speech.words import spoken_units

EDGE = 0.5
"""Seconds by which an engine's times may be off."""

_NOTHING = 0.05  # seconds of speech that are none
_EASY_PACE = 4.0  # words a second
_SHORTEST = 0.4  # seconds that the shortest text takes
_STRETCHED = 1.0  # seconds from which on a text that is mostly silence is suspicious
_DOUBT = 1.5  # so far from a limit, a figure is no reason yet, but one of two
_NO_QUALITY = Quality()


def heard_under(segments: Sequence[Segment], spans: Sequence[Span] | None) -> list[float | None]:
    """Seconds of speech under each segment or close by, without what is under another one; None where it is
    not known where speech was heard."""
    if spans is None:
        return [None] * len(segments)
    return [_heard(place, segments, spans) for place in range(len(segments))]


def _heard(place: int, segments: Sequence[Segment], spans: Sequence[Span]) -> float:
    segment = segments[place]
    before = max((one.end for one in segments[:place]), default=-EDGE)
    behind = min((one.start for one in segments[place + 1 :]), default=segment.end + EDGE)
    low = min(segment.start, max(before, segment.start - EDGE))
    high = max(segment.end, min(behind, segment.end + EDGE))
    return speech_between(low, high, spans)


def speech_between(low: float, high: float, spans: Sequence[Span]) -> float:
    """Seconds of speech from ``low`` to ``high``."""
    return sum(max(0.0, min(span.end, high) - max(span.start, low)) for span in spans)


def weakness(
    segment: Segment, heard: float | None, *, no_speech: float, logprob: float, share: float
) -> str | None:
    """Why the sound under the segment hardly carries it; None where it does.

    Args:
        heard: seconds of speech under it, where that is known.
        no_speech: probability above which the engine says that nobody speaks.
        logprob: average log-probability below which it is not sure.
        share: of the time that its words need, below which too little was heard.
    """
    quality = segment.quality or _NO_QUALITY
    silent, sure = quality.no_speech_prob or 0.0, quality.avg_logprob or 0.0
    nearly_silent, nearly_unsure = silent * _DOUBT > no_speech, sure * _DOUBT < logprob
    if silent > no_speech:
        return f"no-speech probability {silent:.2f}"
    if sure < logprob:
        return f"average log-probability {sure:.2f}"
    if nearly_silent and nearly_unsure:
        return f"no-speech probability {silent:.2f} and average log-probability {sure:.2f}"
    if heard is None:
        return None
    return _too_little(segment, heard, min(1.0, share * _DOUBT) if nearly_silent or nearly_unsure else share)


def _too_little(segment: Segment, heard: float, share: float) -> str | None:
    """Why ``heard`` is not speech enough, of which ``share`` of the time that the words need would do."""
    needed = max(_SHORTEST, spoken_units(segment.text) / _EASY_PACE)
    if heard < share * needed:
        return f"{heard:.1f} s of speech under it where it takes {needed:.1f} s"
    length = segment.end - segment.start
    if length >= _STRETCHED and heard < length / 3:
        return f"{heard:.1f} s of speech in its {length:.1f} s"
    return None


def hardly_heard(segment: Segment, heard: float) -> bool:
    """Whether there is no speech under the segment but for what its times may be off by."""
    return heard < max(_NOTHING, min(EDGE / 2, (segment.end - segment.start) / 4))
