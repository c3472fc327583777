"""Loops: the same words over and over, as a speech model makes them when it has lost its place."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tiro.speech.words import tokens

MOST_COMPRESSIBLE = 2.4
"""Whisper's own limit: text that compresses better than this is a loop."""

_SHORTEST = 80  # characters: below this the compression ratio says nothing
_LONGEST_PHRASE = 40  # tokens of a phrase that is looked for
PHRASE_LIMIT = 3
"""Times that people say a phrase in a row."""
_WORD_LIMIT = 5  # and a single word up to five
_NUMBER_LIMIT = 10  # and a digit ten times, in a number
_NEW_TRIPLES = 0.75  # share of different word triples from which on nobody would call a text repetitive
SUNG = 0.3
"""The same for a text that must be a loop and no song: a refrain may come three times."""
_STUTTER = re.compile(r"([^\W\d]{1,6}?)\1{9,}")


@dataclass(frozen=True, slots=True)
class Loop:
    """Items ``low:high`` repeat what the items before them say, ``times`` times in all."""

    low: int
    high: int
    times: int


def find_loops(items: Sequence[str], most: int = PHRASE_LIMIT) -> list[Loop]:
    """What to take out so that each loop is said once; in order, apart. An empty item equals nothing.

    Args:
        most: times that an item of several words may be said in a row.
    """
    loops: list[Loop] = []
    place = 0
    while place < len(items):
        size, times = _loop_at(items, place, most)
        if times:
            end = place + size * times
            # A loop that breaks off in the middle of the phrase is cut off with it.
            while end < len(items) and size > 1 and items[end] and items[end] == items[end - size]:
                end += 1
            loops.append(Loop(place + size, end, times))
            place = end
        else:
            place += 1
    return loops


def _loop_at(items: Sequence[str], place: int, most: int) -> tuple[int, int]:
    """Size of the phrase that loops from ``place`` on, and how often it is said; (0, 0) where none does."""
    for size in range(1, min(_LONGEST_PHRASE, (len(items) - place) // 2) + 1):
        phrase = items[place : place + size]
        if not all(phrase) or phrase != items[place + size : place + 2 * size]:
            continue
        times = 2
        while items[place + times * size : place + (times + 1) * size] == phrase:
            times += 1
        if times > _limit(phrase, most):
            return size, times
    return 0, 0


def _limit(phrase: Sequence[str], most: int) -> float:
    """How often people may say ``phrase`` in a row."""
    if all(item.isdecimal() for item in phrase):
        return max(PHRASE_LIMIT, _NUMBER_LIMIT / len(phrase))
    if len(set(phrase)) == 1 and len(tokens(phrase[0])) == 1:
        return _WORD_LIMIT / len(phrase)
    return most if len(phrase) == 1 else PHRASE_LIMIT


def compression_ratio(text: str) -> float | None:
    """How well ``text`` compresses, the same for all scripts; None for a text too short to tell.

    Whisper compresses UTF-8, where a script of three bytes a letter looks like a loop already (Hindi reaches
    2.4 in plain speech). Here each letter that occurs is one number.
    """
    if len(text) < _SHORTEST:
        return None
    ranks: dict[str, int] = {}
    numbers = [ranks.setdefault(char, len(ranks)) for char in text]
    width = 1 if len(ranks) <= 256 else 2
    data = b"".join(number.to_bytes(width, "big") for number in numbers)
    return len(data) / len(zlib.compress(data))


def loop_ratio(text: str, new: float = _NEW_TRIPLES) -> float | None:
    """The compression ratio of a text that is a loop; None for one that is none, as all are in which ``new``
    is the share of word triples that are not repeats.

    Lists compress well too: whoever counts from twenty to seventy says the same words again and again, but
    hardly ever the same three in a row.
    """
    ratio = compression_ratio(text)
    if ratio is None or ratio <= MOST_COMPRESSIBLE:
        return None
    said = tokens(text)
    triples = list(zip(said, said[1:], said[2:], strict=False))
    if triples and len(set(triples)) / len(triples) >= new:
        return None
    return ratio


def is_stutter(text: str) -> bool:
    """Whether one syllable repeated without spaces ("hahahaha…") makes up half of the text or more."""
    bare = "".join(tokens(text))
    repeated = sum(len(match.group(0)) for match in _STUTTER.finditer(bare))
    return repeated >= 20 and repeated * 2 >= len(bare)
