"""Tokens with their places in the audio into words, and words into segments."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tiro.speech.types import Quality, Segment, Word

PAUSE = 0.7
"""Seconds between two words from which on they belong to two segments."""

SHORTEST = 1.0
"""Seconds below which a sentence does not become a segment of its own."""

_TOKEN_RATE = 50  # steps a second of the alignment
_LONG_WORD = 1.4  # seconds; who speaks faster than most has shorter ones
_OPENING = frozenset("\"'“¿([{-「『《")
_CLOSING = frozenset("\"'.。,，!！?？:：;；”)]}、…」』》")
_SENTENCE_END = tuple(".。!！?？…")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word as the model writes it, leading space included, with its time and probability."""

    start: float
    end: float
    text: str
    probability: float


def placed(words: Sequence[str], lengths: Sequence[int], alignment: Any, duration: float) -> list[Piece]:
    """Give each word its time and probability.

    Args:
        words: those of the text, and one for the end token.
        lengths: how many tokens each has.
        alignment: CTranslate2's: pairs of token and step, and the probability of each token.
        duration: of the audio, in seconds; no word ends after it.
    """
    # A token starts at the first step that is paired with it.
    starts: dict[int, int] = {}
    for token, step in alignment.alignments:
        starts.setdefault(token, step)
    if not starts:
        return []
    last = max(starts)
    edges = list(itertools.accumulate(lengths, initial=0))
    probabilities = alignment.text_token_probs
    pieces = []
    reached = 0.0
    for word, first, beyond in zip(words[:-1], edges, edges[1:], strict=False):
        start = min(max(starts[min(first, last)] / _TOKEN_RATE, reached), duration)
        reached = min(max(starts[min(beyond, last)] / _TOKEN_RATE, start), duration)
        known = [float(value) for value in probabilities[first:beyond]]
        probability = float(np.mean(known)) if known else 0.0
        pieces.append(Piece(start, reached, word, min(1.0, max(0.0, probability))))
    return pieces


def with_punctuation(pieces: Sequence[Piece]) -> list[Piece]:
    """Marks that stand alone are joined to the word that they belong to."""
    joined: list[Piece] = []
    for piece in pieces:
        bare = piece.text.strip()
        before = joined[-1] if joined else None
        if not bare:
            if before:
                joined[-1] = replace(before, text=before.text + piece.text)
        elif not before or piece.text.startswith(" "):
            joined.append(piece)
        elif _marks(bare, _CLOSING):
            joined[-1] = replace(before, text=before.text + piece.text)
        elif _marks(before.text.strip(), _OPENING):
            joined[-1] = replace(piece, start=before.start, text=before.text + piece.text)
        else:
            joined.append(piece)
    return joined


def _marks(text: str, marks: frozenset[str]) -> bool:
    return all(char in marks for char in text)


def without_pauses(pieces: Sequence[Piece]) -> list[Piece]:
    """Words as long as words are: the alignment counts a pause to the word beside it.

    A long word that begins a sentence has the pause before it, any other behind it. Inside a sentence people
    draw words out, so there twice the length is let through.
    """
    lengths = [piece.end - piece.start for piece in pieces if piece.end > piece.start]
    if not lengths:
        return list(pieces)
    limit = min(_LONG_WORD, 2 * float(np.median(lengths)))
    found = []
    for index, piece in enumerate(pieces):
        opens = index == 0 or pieces[index - 1].text.endswith(_SENTENCE_END)
        closes = piece.text.endswith(_SENTENCE_END)
        if piece.end - piece.start <= (limit if opens or closes else 2 * limit):
            found.append(piece)
        elif opens:
            found.append(replace(piece, start=round(piece.end - limit, 3)))
        else:
            found.append(replace(piece, end=round(piece.start + limit, 3)))
    return found


def cut(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Segments of words: a new one after a pause, and after a sentence that is long enough."""
    segment: list[Piece] = []
    for piece in pieces:
        if segment and _ends(segment, piece):
            yield segment
            segment = []
        segment.append(piece)
    if segment:
        yield segment


def _ends(segment: list[Piece], following: Piece) -> bool:
    if following.start - segment[-1].end >= PAUSE:
        return True
    long_enough = segment[-1].end - segment[0].start >= SHORTEST
    return long_enough and segment[-1].text.endswith(_SENTENCE_END)


def segments_of(pieces: Sequence[Piece], language: str, quality: Quality) -> list[Segment]:
    """The window's segments; ``quality`` is that of the whole window."""
    segments = []
    for part in cut(without_pauses(with_punctuation(pieces))):
        words = tuple(Word(p.start, p.end, p.text.strip(), p.probability) for p in part)
        segments.append(
            Segment(
                words[0].start,
                words[-1].end,
                "".join(piece.text for piece in part).strip(),
                words,
                confidence=float(np.mean([piece.probability for piece in part])),
                language=language,
                quality=quality,
            )
        )
    return segments
