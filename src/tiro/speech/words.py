"""Words, tokens and text: what the guard, the cross-talk rule and the captions share.

An engine's words are a view on its text: joined they should give the text, but some engines keep the spaces
in the words, some drop punctuation, and some write without spaces. So text is always cut out of the
segment's own text, at the places where its words are found, and never built by joining words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from tiro.speech.types import Segment, Word

# Scripts that put no spaces between words: here each character counts as a token of its own.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_UNSPACED_CHAR = re.compile(rf"[{_UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a segment's text (with the space that follows it) and the time in which it is said."""

    text: str
    start: float
    end: float


def tokens(text: str) -> list[str]:
    """The words of ``text`` for comparing: case, width, punctuation and vowel signs' forms made alike."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # A combining mark (Devanagari vowels, Arabic points) belongs to its word but is no \w for Python.
    bare = "".join(char for char in folded if unicodedata.category(char) not in ("Mn", "Mc", "Cf"))
    return _TOKEN.findall(bare)


def normalise(text: str) -> str:
    """``tokens`` with one space between them."""
    return " ".join(tokens(text))


def spoken_units(text: str) -> float:
    """How many words of speaking ``text`` is; two characters of an unspaced script count as one word."""
    return sum(0.5 if _UNSPACED_CHAR.match(token) else 1.0 for token in tokens(text))


def clean(text: str) -> str:
    """``text`` on one line: each run of white space is one space, and control characters are gone."""
    spaced = " ".join(text.split())
    return "".join(char for char in spaced if unicodedata.category(char) != "Cc")


def join(texts: list[str]) -> str:
    """Put texts one after the other, with a space between where the script has spaces."""
    joined = ""
    for text in texts:
        tight = joined and text and _UNSPACED_CHAR.match(text[0]) and not joined[-1].isascii()
        joined += text if tight or not joined else f" {text}"
    return joined


def pieces(segment: Segment) -> list[Piece]:
    """The text of ``segment`` in pieces, in order and with nothing left out.

    One piece for each word where all words are found in the text in order; otherwise one for each token
    of the text, with times spread by length.
    """
    places = _places(segment)
    if places is not None:
        bounds = [0, *places[1:], len(segment.text)]
        slices = zip(bounds, bounds[1:], segment.words, strict=False)
        return [Piece(segment.text[low:high], word.start, word.end) for low, high, word in slices]
    return _spread(segment)


def text_of(segment: Segment, low: int, high: int) -> str:
    """The text of ``words[low:high]``; of ``pieces(segment)[low:high]`` where the segment has no words."""
    if segment.words and _places(segment) is None:
        return join([word.text.strip() for word in segment.words[low:high]])
    return "".join(piece.text for piece in pieces(segment)[low:high]).strip()


def keep_words(segment: Segment, low: int, high: int) -> Segment:
    """The part of ``segment`` that holds ``words[low:high]``, with its own times, text and confidence."""
    words = segment.words[low:high]
    return replace(
        segment,
        start=segment.start if low == 0 else words[0].start,
        end=segment.end if high == len(segment.words) else words[-1].end,
        text=text_of(segment, low, high),
        words=words,
        confidence=mean_confidence(words, segment.confidence),
    )


def mean_confidence(words: tuple[Word, ...], otherwise: float | None) -> float | None:
    """The mean of the words' confidences where all have one."""
    known = [word.confidence for word in words if word.confidence is not None]
    return sum(known) / len(known) if known and len(known) == len(words) else otherwise


def _places(segment: Segment) -> list[int] | None:
    """Where each word begins in the text, or None where a word is not found."""
    found: list[int] = []
    cursor = 0
    for word in segment.words:
        bare = word.text.strip()
        place = segment.text.find(bare, cursor) if bare else -1
        if place < 0:
            return None
        found.append(place)
        cursor = place + len(bare)
    return found or None


def _spread(segment: Segment) -> list[Piece]:
    """Tokens (by spaces, or by characters of an unspaced script) with times in proportion to their length."""
    parts = re.findall(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)[^\w\s]*\s*", segment.text)
    total = sum(len(part) for part in parts) or 1
    length = max(0.0, segment.end - segment.start)
    result: list[Piece] = []
    done = 0
    for part in parts:
        start = segment.start + length * done / total
        done += len(part)
        result.append(Piece(part, start, segment.start + length * done / total))
    return result
