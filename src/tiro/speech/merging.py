"""Segments of several channels into one sequence, in time order and without cross-talk."""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tiro.speech.crosstalk import TOLERANCE, Echo, echoes, without
from tiro.speech.types import Drop, Segment, WindowResult


@dataclass(frozen=True, slots=True)
class Released:
    """What is final: nothing that comes later belongs before it or changes it. Both in time order."""

    segments: tuple[Segment, ...] = ()
    drops: tuple[Drop, ...] = ()


class ChannelMerger:
    """Merge the results of all channels by time (start, then channel), and take out cross-talk.

    Add results in any order, then ``advance`` each channel. What is released, put end to end, depends on the
    results alone and not on when they were added or the channels advanced.

    Args:
        labels: of the channels; written into ``speaker`` of each segment and drop.
        cross_talk: whether cross-talk is taken out.
    """

    def __init__(self, labels: Sequence[str | None], *, cross_talk: bool = True) -> None:
        self._labels = tuple(labels)
        self._cross_talk = cross_talk
        self._marks = [-math.inf] * len(self._labels)
        # Of each channel, in time order: segments that may yet turn out to be cross-talk, and settled ones
        # of which a segment of another channel may yet be the cross-talk.
        self._waiting: list[list[Segment]] = [[] for _ in self._labels]
        self._settled: list[list[Segment]] = [[] for _ in self._labels]
        self._segments: list[tuple[float, int, float, str, int, Segment]] = []
        self._drops: list[tuple[float, int, float, str, int, Drop]] = []
        self._count = 0

    def add(self, result: WindowResult) -> None:
        """Take a result. Times that an engine put outside the window are moved to its edge."""
        label = self._labels[result.channel]
        for segment in result.segments:
            placed = replace(_inside(segment, result), speaker=label)
            insort(self._waiting[result.channel], placed, key=_order)
        for drop in result.drops:
            start = min(max(drop.start, result.start), result.end)
            self._put_drop(
                result.channel, replace(drop, start=start, end=max(start, drop.end), speaker=label)
            )

    def advance(self, channel: int, safe_until: float) -> Released:
        """Promise that no window of ``channel`` that is still to be added starts before ``safe_until``."""
        self._marks[channel] = max(self._marks[channel], safe_until)
        return self._release()

    def finish(self) -> Released:
        """All results were added: release the rest."""
        self._marks = [math.inf] * len(self._labels)
        return self._release()

    def _release(self) -> Released:
        for channel in range(len(self._labels)):
            self._settle(channel)
        self._forget()
        horizon = min(map(self._reach, range(len(self._labels))), default=math.inf)
        segments: list[Segment] = []
        while self._segments and self._segments[0][0] < horizon:
            segments.append(heapq.heappop(self._segments)[-1])
        drops: list[Drop] = []
        while self._drops and self._drops[0][0] < horizon:
            drops.append(heapq.heappop(self._drops)[-1])
        return Released(tuple(segments), tuple(drops))

    def _settle(self, channel: int) -> None:
        """Decide on the segments that no window still to come on another channel can be the source of."""
        others = [mark for other, mark in enumerate(self._marks) if other != channel]
        known = min(others, default=math.inf) - TOLERANCE - 0.01  # beyond doubt and rounding
        waiting = self._waiting[channel]
        while waiting and (waiting[0].end < known or known == math.inf):
            segment = waiting.pop(0)
            insort(self._settled[channel], segment, key=_order)
            kept, drops = without(segment, self._echoes(channel, segment))
            for part in kept:
                self._count += 1
                heapq.heappush(self._segments, (part.start, channel, part.end, part.text, self._count, part))
            for drop in drops:
                self._put_drop(channel, drop)

    def _echoes(self, channel: int, segment: Segment) -> list[Echo]:
        if not self._cross_talk:
            return []
        return [
            echo
            for other in range(len(self._labels))
            if other != channel
            for source in (*self._settled[other], *self._waiting[other])
            if source.start <= segment.end + TOLERANCE and source.end >= segment.start - TOLERANCE
            for echo in echoes(
                segment,
                source,
                first=channel < other,
                other_label=self._labels[other] or f"channel {other + 1}",
            )
        ]

    def _reach(self, channel: int) -> float:
        """No segment or drop of ``channel`` that is not yet in the heaps starts before this."""
        waiting = self._waiting[channel]
        return min(self._marks[channel], waiting[0].start if waiting else math.inf)

    def _forget(self) -> None:
        reach = [self._reach(channel) for channel in range(len(self._labels))]
        for channel, settled in enumerate(self._settled):
            needed = min((r for other, r in enumerate(reach) if other != channel), default=math.inf)
            settled[:] = [segment for segment in settled if segment.end + TOLERANCE >= needed]

    def _put_drop(self, channel: int, drop: Drop) -> None:
        self._count += 1
        heapq.heappush(self._drops, (drop.start, channel, drop.end, drop.text, self._count, drop))


def _order(segment: Segment) -> tuple[float, float, str]:
    return segment.start, segment.end, segment.text


def _inside(segment: Segment, result: WindowResult) -> Segment:
    def bound(time: float) -> float:
        return min(max(time, result.start), result.end)

    words = tuple(replace(word, start=bound(word.start), end=bound(word.end)) for word in segment.words)
    return replace(segment, start=bound(segment.start), end=bound(segment.end), words=words)
