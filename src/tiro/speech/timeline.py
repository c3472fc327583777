"""From the time of a window's audio to that of the recording, where long pauses were left out."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace

from tiro.speech.types import Segment, Window
from tiro.speech.words import keep_words


class Timeline:
    """Where the audio of ``window`` lies in the recording. Times are in seconds."""

    def __init__(self, window: Window) -> None:
        self._stretches = window.stretches
        lengths = (stretch.length for stretch in self._stretches)
        *self._begins, _end = itertools.accumulate(lengths, initial=0.0)

    def in_recording(self, time: float) -> float:
        """Kept inside the window."""
        return self._from(self._stretch_at(time), time)

    def in_audio(self, time: float) -> float:
        """The place of a time of the recording; of a pause that was left out, that of the cut."""
        found = 0.0
        for begin, stretch in zip(self._begins, self._stretches, strict=True):
            if time < stretch.start:
                return found
            found = begin + min(time, stretch.end) - stretch.start
        return found

    def placed(self, segment: Segment) -> Iterator[Segment]:
        """A segment in the audio's time as one in the recording's; as several, where its words lie on both
        sides of a pause that was left out."""
        if not segment.words:
            yield self._moved(segment, self._stretch_at(segment.start), self._last_at(segment.end))
            return
        middles = [(word.start + word.end) / 2 for word in segment.words]
        places = range(len(middles))
        for stretch, group in itertools.groupby(places, key=lambda place: self._stretch_at(middles[place])):
            together = list(group)
            part = keep_words(segment, together[0], together[-1] + 1)
            yield self._moved(part, stretch, stretch)

    def _moved(self, segment: Segment, first: int, last: int) -> Segment:
        """``segment``, whose start and words are in the stretch ``first``, and whose end is in ``last``."""
        return replace(
            segment,
            start=self._from(first, segment.start),
            end=self._from(max(first, last), segment.end),
            words=tuple(
                replace(word, start=self._from(first, word.start), end=self._from(first, word.end))
                for word in segment.words
            ),
        )

    def _stretch_at(self, time: float) -> int:
        return max(0, bisect_right(self._begins, time) - 1)

    def _last_at(self, time: float) -> int:
        """As ``_stretch_at``, for what ends at ``time``: at a cut, that is the stretch before it."""
        return max(0, bisect_left(self._begins, time) - 1)

    def _from(self, stretch: int, time: float) -> float:
        place = self._stretches[stretch]
        return min(max(place.start + time - self._begins[stretch], place.start), place.end)
