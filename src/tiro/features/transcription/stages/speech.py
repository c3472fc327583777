"""Channels into windows of speech, each with its audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from tiro.media.vad import SpeechProbabilities
from tiro.speech.types import SAMPLE_RATE, Audio, Window
from tiro.speech.windows import WindowPacker


class SpeechFinder:
    """One channel: find speech, pack it into windows, and keep only the audio that may still be needed.

    Args:
        channel: position in the layout.
        next_index: gives the number of the next window of the recording.
    """

    def __init__(
        self, channel: int, *, max_window: float, join_gap: float, next_index: Callable[[], int]
    ) -> None:
        self._vad = SpeechProbabilities()
        self._packer = WindowPacker(channel, max_window=max_window, join_gap=join_gap, next_index=next_index)
        self._buffer = AudioBuffer()

    @property
    def safe_until(self) -> float:
        """No later window begins before this time."""
        return self._packer.safe_until

    def feed(self, audio: Audio) -> Iterator[tuple[Window, Audio]]:
        self._buffer.append(audio)
        frames = self._vad.feed(audio)
        yield from self._cut(self._packer.feed(frames.probabilities, frames.levels))
        self._buffer.forget(self._packer.keep_from)

    def finish(self) -> Iterator[tuple[Window, Audio]]:
        frames = self._vad.flush()
        windows = [
            *self._packer.feed(frames.probabilities, frames.levels),
            *self._packer.flush(self._buffer.end),
        ]
        yield from self._cut(windows)

    def _cut(self, windows: list[Window]) -> Iterator[tuple[Window, Audio]]:
        for window in windows:
            yield window, self._buffer.cut(window.start, window.end)


class AudioBuffer:
    """The last stretch of a channel, addressed by time."""

    def __init__(self) -> None:
        self._blocks: deque[Audio] = deque()
        self._first = 0
        self._last = 0

    @property
    def end(self) -> float:
        return self._last / SAMPLE_RATE

    def append(self, audio: Audio) -> None:
        self._blocks.append(audio)
        self._last += len(audio)

    def forget(self, before: float) -> None:
        """Drop the blocks that end before ``before``."""
        limit = int(before * SAMPLE_RATE)
        while self._blocks and self._first + len(self._blocks[0]) <= limit:
            self._first += len(self._blocks.popleft())

    def cut(self, start: float, end: float) -> Audio:
        """A copy of the audio from ``start`` to ``end``, shortened to what there is."""
        whole = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        first = max(0, round(start * SAMPLE_RATE) - self._first)
        return whole[first : max(first, round(end * SAMPLE_RATE) - self._first)].copy()
