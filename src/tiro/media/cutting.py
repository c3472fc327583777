"""Decoded blocks into windows of speech, each with its audio. Runs inside the decoder's process.

There it is beside the samples, so that silence never leaves that process, and the process that answers
requests does none of the work.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial

import numpy as np

from tiro.media.channels import ChannelSplitter
from tiro.media.types import Samples, SpeechWindow, WindowSizes
from tiro.media.vad import Frames, SpeechProbabilities
from tiro.speech.types import SAMPLE_RATE, Audio, ChannelLayout, ChannelMode, Window
from tiro.speech.windows import WindowPacker


class Cutter:
    """One recording: its channels, and their speech as windows, in the order in which they are made.

    The windows depend on the recording alone as long as all blocks but the last have the same length.

    Args:
        channels: columns of the blocks, 1 or 2.
        helper: what listens to the second channel while the first is listened to here; None: one after
            the other.
    """

    def __init__(
        self, mode: ChannelMode, channels: int, sizes: WindowSizes, helper: Executor | None = None
    ) -> None:
        self._helper = helper
        self._splitter = ChannelSplitter(mode, stereo=channels == 2)
        self._sizes = sizes
        self._next_index = itertools.count().__next__
        self._finders: list[SpeechFinder] = []

    @property
    def layout(self) -> ChannelLayout | None:
        """How the channels are used; None until that is clear, and no window is made before."""
        return self._splitter.layout

    @property
    def safe_until(self) -> tuple[float, ...]:
        """For each channel of the layout: no later window begins before this time."""
        return tuple(finder.safe_until for finder in self._finders)

    def feed(self, block: Samples) -> Iterator[SpeechWindow]:
        for parts in self._splitter.feed(block):
            yield from self._hear(parts)

    def finish(self) -> Iterator[SpeechWindow]:
        """The recording has ended: the windows that are left."""
        for parts in self._splitter.finish():
            yield from self._hear(parts)
        for finder in self._finders:
            yield from finder.finish()

    def _hear(self, parts: tuple[Audio, ...]) -> Iterator[SpeechWindow]:
        if not self._finders:
            self._finders = [
                SpeechFinder(channel, self._sizes, self._next_index) for channel in range(len(parts))
            ]
        first, *others = zip(self._finders, parts, strict=True)
        heard = [
            self._helper.submit(finder.hear, part).result if self._helper else partial(finder.hear, part)
            for finder, part in others
        ]
        frames = [first[0].hear(first[1]), *(result() for result in heard)]
        for finder, found in zip(self._finders, frames, strict=True):
            yield from finder.cut(found)


class SpeechFinder:
    """One channel: find speech, pack it into windows, and keep only the audio that may still be needed.

    Args:
        channel: position in the layout.
        next_index: gives the number of the next window of the recording.
    """

    def __init__(self, channel: int, sizes: WindowSizes, next_index: Callable[[], int]) -> None:
        self._vad = SpeechProbabilities()
        self._packer = WindowPacker(
            channel,
            max_window=sizes.max_window,
            join_gap=sizes.join_gap,
            longest_pause=sizes.longest_pause,
            next_index=next_index,
        )
        self._buffer = AudioBuffer()

    @property
    def safe_until(self) -> float:
        """No later window begins before this time."""
        return self._packer.safe_until

    def hear(self, audio: Audio) -> Frames:
        """Where in the channel's next stretch there is speech, to be given to ``cut``. From any thread."""
        self._buffer.append(audio)
        return self._vad.feed(audio)

    def cut(self, frames: Frames) -> Iterator[SpeechWindow]:
        """The windows that ``frames`` complete."""
        yield from self._cut(self._packer.feed(frames.probabilities, frames.levels))
        self._buffer.forget(self._packer.keep_from)

    def finish(self) -> Iterator[SpeechWindow]:
        frames = self._vad.flush()
        windows = [
            *self._packer.feed(frames.probabilities, frames.levels),
            *self._packer.flush(self._buffer.end),
        ]
        yield from self._cut(windows)

    def _cut(self, windows: list[Window]) -> Iterator[SpeechWindow]:
        # The packer is already past all of them; whoever takes one does not know yet of those behind it.
        safe = [*(window.start for window in windows[1:]), self.safe_until]
        for window, safe_until in zip(windows, safe, strict=False):
            parts = [self._buffer.cut(stretch.start, stretch.end) for stretch in window.stretches]
            yield SpeechWindow(window, np.concatenate(parts), safe_until)


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
        low, high = (max(0, round(time * SAMPLE_RATE) - self._first) for time in (start, end))
        parts: list[Audio] = []
        at = 0
        for block in self._blocks:
            if at < high and at + len(block) > low:
                parts.append(block[max(0, low - at) : high - at])
            at += len(block)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
