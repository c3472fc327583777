"""Cross-talk: words that one channel only overheard from the other, told by their times and loudness."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from tiro.speech.types import Drop, Segment
from tiro.speech.words import keep_words, normalise, pieces

RULE = "cross_talk"
TOLERANCE = 0.3
"""Seconds by which the same word may begin earlier or later on the other channel."""

_CLEAR = 10.0  # dB: what an echo loses at the least; two people who agree differ by less, or by chance
_CHANCE = 2  # this many equal words at the same time may be chance, or two people who say "yes"
_WHOLE = 0.8  # share of a segment's words from which on the rest is taken for misheard echo


@dataclass(frozen=True, slots=True)
class _Unit:
    """A word for comparing: its position in the segment, its form and where it begins (seconds)."""

    position: int
    form: str
    start: float


@dataclass(frozen=True, slots=True)
class Echo:
    """Words ``low:high`` of a segment, with the evidence that they are echo."""

    low: int
    high: int
    evidence: str


def echoes(segment: Segment, other: Segment, *, first: bool, other_label: str) -> list[Echo]:
    """The words of ``segment`` that are cross-talk from ``other``, a segment of another channel.

    For any two segments at most one of them has an echo of a given word. ``first`` says that ``segment`` is
    of the lower channel: it keeps what cannot be told apart.
    """
    earlier, later = (segment, other) if first else (other, segment)
    units = (_units(earlier), _units(later))
    found = []
    for run in _runs(_matches(*units)):
        loser = _loser(run, (earlier, later), units)
        if loser is None or (loser == 0) != first:
            continue
        positions = [pair[loser].position for pair in run]
        found.append(Echo(positions[0], positions[-1] + 1, _evidence(len(run), segment, other, other_label)))
    return found


def without(segment: Segment, found: list[Echo]) -> tuple[list[Segment], list[Drop]]:
    """``segment`` without its echoes: the parts that remain, and a drop for each part that does not."""
    if not found:
        return [segment], []
    lost: dict[int, str] = {}
    for echo in found:
        lost.update(dict.fromkeys(range(echo.low, echo.high), echo.evidence))
    units = _units(segment)
    share = sum(unit.position in lost for unit in units) / len(units)
    if share >= _WHOLE:
        return [], [_drop(segment, found[0].evidence)]
    if not segment.words:
        return [segment], []  # without times of words there is nothing to cut by
    kept: list[Segment] = []
    drops: list[Drop] = []
    low = 0
    for high in range(1, len(segment.words) + 1):
        if high < len(segment.words) and (high in lost) == (low in lost):
            continue
        part = keep_words(segment, low, high)
        if low in lost:
            drops.append(_drop(part, lost[low]))
        elif normalise(part.text):
            kept.append(replace(part, start=part.words[0].start, end=part.words[-1].end))
        low = high
    return kept, drops


def _drop(part: Segment, evidence: str) -> Drop:
    return Drop(part.start, part.end, part.text, RULE, evidence, part.speaker)


def _evidence(count: int, segment: Segment, other: Segment, other_label: str) -> str:
    text = f"the same {count} words" if count > 1 else "the same word"
    text += f" on {other_label} within {round(TOLERANCE * 1000)} ms"
    if segment.level is not None and other.level is not None and other.level > segment.level:
        text += f", {other.level - segment.level:.0f} dB louder"
    return text


def _units(segment: Segment) -> list[_Unit]:
    said = (
        [(word.text, word.start) for word in segment.words]
        if segment.words
        else [(piece.text, piece.start) for piece in pieces(segment)]
    )
    forms = ((place, normalise(text), start) for place, (text, start) in enumerate(said))
    return [_Unit(place, form, start) for place, form, start in forms if form]


def _matches(first: list[_Unit], second: list[_Unit]) -> list[tuple[_Unit, _Unit]]:
    """Pairs of the same word at about the same time, in order."""
    pairs: list[tuple[_Unit, _Unit]] = []
    free = 0
    for unit in first:
        near = [
            (abs(candidate.start - unit.start), place)
            for place, candidate in enumerate(second[free:], free)
            if candidate.form == unit.form and abs(candidate.start - unit.start) <= TOLERANCE
        ]
        if near:
            place = min(near)[1]
            pairs.append((unit, second[place]))
            free = place + 1
    return pairs


def _runs(pairs: list[tuple[_Unit, _Unit]]) -> list[list[tuple[_Unit, _Unit]]]:
    """Pairs that follow each other, with at most one misheard word between two of them."""
    runs = [[pair] for pair in pairs[:1]]
    for before, pair in pairwise(pairs):
        if all(now.position - then.position <= 2 for then, now in zip(before, pair, strict=True)):
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


def _loser(
    run: list[tuple[_Unit, _Unit]],
    segments: tuple[Segment, Segment],
    units: tuple[list[_Unit], list[_Unit]],
) -> int | None:
    """Which of the two only overheard ``run`` (0 or 1); None where both may well have said it."""
    shares = [len(run) / len(side) for side in units]
    levels = (segments[0].level, segments[1].level)
    louder_by = 0.0 if levels[0] is None or levels[1] is None else levels[0] - levels[1]
    quieter = 0 if louder_by < 0 else 1
    clear = abs(louder_by) >= _CLEAR
    if len(run) <= _CHANCE:
        return quieter if clear and shares[quieter] >= _WHOLE else None
    if clear or abs(shares[0] - shares[1]) < 1 - _WHOLE:
        return quieter
    # About as loud, yet all that one side said and only a part of the other: the level of the longer one is
    # that of its own words, and the part leaked into it.
    return 0 if shares[0] < shares[1] else 1
