"""What a person does to a segment: other words, two out of one, one out of two. Times follow the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from tiro.speech.types import Segment, Word
from tiro.speech.words import clean, join, keep_words, mean_confidence, pieces, text_of, tokens


def reword(segment: Segment, text: str) -> Segment:
    """``segment`` with another text. Words that are still there keep their times and confidences; new ones
    share the time of those that they replace, by their length, and nobody knows how sure they are."""
    text = clean(text)
    if not segment.words:
        return replace(segment, text=text, confidence=None)
    words = tuple(_retimed(segment.words, text.split()))
    return replace(segment, text=text, words=words, confidence=mean_confidence(words, None))


def split(segment: Segment, at: int) -> tuple[Segment, Segment] | None:
    """Two segments, the second beginning with the first word at or after ``at`` characters of the text; None
    where one of them would be empty."""
    place, cut = 0, 0
    slices = pieces(segment)
    for piece in slices:
        if place >= at:
            break
        place += len(piece.text)
        cut += 1
    if not 0 < cut < len(slices):
        return None
    if segment.words and len(slices) == len(segment.words):
        return keep_words(segment, 0, cut), keep_words(segment, cut, len(segment.words))
    # The words are not those of the text, so that only the time can tell which of them are on which side.
    middle = slices[cut].start
    halves = [text_of(replace(segment, words=()), *bounds) for bounds in ((0, cut), (cut, len(slices)))]
    before = tuple(word for word in segment.words if word.end <= middle)
    after = segment.words[len(before) :]
    return (
        replace(segment, end=middle, text=halves[0], words=before),
        replace(segment, start=middle, text=halves[1], words=after),
    )


def merge(first: Segment, second: Segment) -> Segment:
    """One segment out of two, with the first one's speaker."""
    words = first.words + second.words
    return replace(
        first,
        start=min(first.start, second.start),
        end=max(first.end, second.end),
        text=join([first.text, second.text]),
        words=words,
        confidence=mean_confidence(words, None),
        quality=None,
    )


def _retimed(before: Sequence[Word], texts: Sequence[str]) -> Iterator[Word]:
    old, new = [_key(word.text) for word in before], [_key(text) for text in texts]
    for same, low, high, start, end in _runs(old, new):
        if same:
            for word, text in zip(before[low:high], texts[start:end], strict=True):
                yield replace(word, text=text)
        else:
            yield from _spread(texts[start:end], before[low].start, before[high - 1].end)


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Which words of the old text became which of the new one (``low:high``, ``start:end``), and whether they
    are the same. Words put in between two others have no time of their own: they share that of the word
    before them, or at the start that of the one after."""
    runs: list[list[int]] = []
    for what, low, high, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        last = runs[-1] if runs else [True, 0, 0, 0, 0]
        if what != "insert":
            lent = int(last[2] == last[1] and last[4] > last[3])  # to what was put in at the start
            last[2] += lent
            last[4] += lent
            if high > low + lent:
                runs.append([what == "equal", low + lent, high, start + lent, end])
        elif last[2] > last[1] and last[0]:
            last[2] -= 1
            last[4] -= 1
            runs.append([False, low - 1, low, start - 1, end])
        elif runs:
            last[4] = end
        else:
            runs.append([False, low, high, start, end])
    for same, low, high, start, end in runs:
        if high > low and end > start:
            yield bool(same), low, high, start, end


def _spread(texts: Sequence[str], start: float, end: float) -> Iterator[Word]:
    """Words with times in proportion to their length."""
    total = sum(map(len, texts))
    done = 0
    for text in texts:
        begin = start + (end - start) * done / total
        done += len(text)
        yield Word(begin, start + (end - start) * done / total, text)


def _key(text: str) -> str:
    """By which a word is known again when its case or its punctuation is another."""
    return " ".join(tokens(text)) or text.strip()
