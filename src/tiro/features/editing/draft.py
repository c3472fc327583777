"""A transcript while it is changed, and what of it is not the same any more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import singledispatchmethod

from tiro.errors import InvalidRequest
from tiro.features.editing.changes import (
    Change,
    Delete,
    Insert,
    Merge,
    Rename,
    Replace,
    Speaker,
    Split,
    Text,
)
from tiro.features.transcripts.service import Difference, StoredTranscript
from tiro.speech import edits
from tiro.speech.types import Segment
from tiro.speech.words import clean


class Draft:
    """Changes one after the other; each sees what those before it did. Of the transcript it must have the
    segments that are ``needed``.

    Raises:
        InvalidRequest: from ``apply``, where a change cannot be made.
    """

    def __init__(self, transcript: StoredTranscript) -> None:
        self._before = transcript.numbered
        self._names_before = transcript.speakers
        self._segments = dict(transcript.numbered)
        self._names = dict(transcript.speakers)
        self._next = transcript.next_position

    @property
    def difference(self) -> Difference:
        numbers = sorted(self._before.keys() | self._segments.keys())
        changed = [number for number in numbers if self._before.get(number) != self._segments.get(number)]
        labels = sorted(self._names_before.keys() | self._names.keys())
        names = {label: (self._names_before.get(label), self._names.get(label)) for label in labels}
        return Difference(
            {number: self._before.get(number) for number in changed},
            {number: self._segments.get(number) for number in changed},
            {label: pair for label, pair in names.items() if pair[0] != pair[1]},
        )

    @singledispatchmethod
    def apply(self, change: Change) -> None:
        raise TypeError(change)

    @apply.register
    def _(self, change: Text) -> None:
        self._segments[change.segment] = edits.reword(self._get(change.segment), _text(change.text))

    @apply.register
    def _(self, change: Speaker) -> None:
        label = None if change.speaker is None else _text(change.speaker)
        for number in change.segments:
            self._segments[number] = replace(self._get(number), speaker=label)

    @apply.register
    def _(self, change: Rename) -> None:
        if change.name is None:
            self._names.pop(change.speaker, None)
            return
        if all(segment.speaker != change.speaker for segment in self._segments.values()):
            raise InvalidRequest(f"changes: nobody here is called {change.speaker!r}.")
        self._names[change.speaker] = _text(change.name)

    @apply.register
    def _(self, change: Split) -> None:
        halves = edits.split(self._get(change.segment), change.at)
        if halves is None:
            raise InvalidRequest(
                f"changes: segment {change.segment} has no words on both sides of character {change.at}."
            )
        self._segments[change.segment] = halves[0]
        self._add(halves[1])

    @apply.register
    def _(self, change: Merge) -> None:
        first, second = self._get(change.first), self._get(change.second)
        order = sorted(self._segments, key=lambda number: (self._segments[number].start, number))
        if order.index(change.second) != order.index(change.first) + 1:
            raise InvalidRequest(
                f"changes: segment {change.second} does not follow {change.first}; only neighbours merge."
            )
        del self._segments[change.second]
        self._segments[change.first] = edits.merge(first, second)

    @apply.register
    def _(self, change: Delete) -> None:
        for number in dict.fromkeys(change.segments):
            self._get(number)
            del self._segments[number]

    @apply.register
    def _(self, change: Insert) -> None:
        if change.end_time <= change.start_time:
            raise InvalidRequest("changes: a segment must end after it starts.")
        label = None if change.speaker is None else _text(change.speaker)
        self._add(Segment(change.start_time, change.end_time, _text(change.text), speaker=label))

    @apply.register
    def _(self, change: Replace) -> None:
        wanted = sought(change)
        numbers = list(self._segments) if change.segments is None else dict.fromkeys(change.segments)
        for number in numbers:
            segment = self._get(number)
            text = clean(wanted.sub(lambda _: change.replace, segment.text))
            if text == segment.text:
                continue
            if text:
                self._segments[number] = edits.reword(segment, text)
            else:
                del self._segments[number]

    def _get(self, number: int) -> Segment:
        try:
            return self._segments[number]
        except KeyError:
            raise InvalidRequest(f"changes: there is no segment {number}.") from None

    def _add(self, segment: Segment) -> None:
        self._segments[self._next] = segment
        self._next += 1


def sought(change: Replace) -> re.Pattern[str]:
    """What finds the places where something is to be replaced."""
    pattern = re.escape(change.find)
    if change.whole_words:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return re.compile(pattern, 0 if change.match_case else re.IGNORECASE)


def _text(text: str) -> str:
    if not (cleaned := clean(text)):
        raise InvalidRequest("changes: a text must have more than spaces. To take a segment out, delete it.")
    return cleaned


def touched(change: Change) -> set[int]:
    """The segments that a change names. One that others have changed meanwhile is a conflict; what finds its
    segments by itself, or names a speaker, takes them as they are."""
    match change:
        case Text(segment=number) | Split(segment=number):
            return {number}
        case Speaker(segments=numbers) | Delete(segments=numbers):
            return set(numbers)
        case Merge(first=first, second=second):
            return {first, second}
        case _:
            return set()


def needed(changes: Iterable[Change]) -> set[int] | None:
    """The segments that have to be known to make these changes; None for all, where one of them looks for its
    segments itself, or for their neighbours."""
    found: set[int] = set()
    for change in changes:
        match change:
            case Merge() | Rename() | Replace(segments=None):
                return None
            case Replace(segments=[*numbers]):
                found.update(numbers)
            case _:
                found |= touched(change)
    return found


def wanted_text(change: Change, number: int) -> str | None:
    """What a change would have made of a segment's text, where that is what it is about."""
    return change.text if isinstance(change, Text) and change.segment == number else None


def latest(differences: list[Difference]) -> Mapping[int, Segment | None]:
    """What became of the segments that these, one after the other, changed."""
    return {number: said for difference in differences for number, said in difference.after.items()}
