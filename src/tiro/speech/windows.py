"""Voice activity, frame by frame, into windows for an engine.

Everything is counted in whole frames and decided one frame at a time, so the windows are the same however
the frames are grouped into calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tiro.speech.types import SAMPLE_RATE, Span, Window

FRAME = 512
"""Samples in a frame of voice activity."""

FRAME_SECONDS = FRAME / SAMPLE_RATE

ENERGY_FLOOR = -60.0
"""Frames quieter than this (RMS, dB of full scale) are never speech.

Silero is blind to loudness on purpose, so it may fire on what nobody could hear. On close and telephone
speech nothing is lost up to -50. On meetings recorded from the table, where one voiced frame in eight is
below -55, a floor of -55 loses up to 0.9 s of speech in 30 s and one of -60 at most 0.2 s; the hiss of a
quiet line is below both.
"""

REACH = 3
"""A window from which pauses are left out may begin so many times its greatest length before its last span.
More would hold back the text of other channels, and the first text where one side says little."""

_EDGE = 3  # frames on either side of a place where a cut is judged: about 0.1 s
_DB_PER_PROBABILITY = 50.0  # how many decibels weigh as much as the step from "no speech" to "speech"


@dataclass(slots=True)
class _Run:
    """Speech under way. Frames are counted from the start; ``low`` includes the padding before the speech."""

    low: int
    first: int
    last: int
    kept: bool  # the rest of a cut: kept however short, for nothing may be lost
    scores: list[float] = field(default_factory=list)  # one a frame from ``low`` on


class WindowPacker:
    """Pack the speech of one channel into windows of at most ``max_window`` seconds.

    Args:
        channel: written into each window.
        max_window: seconds; no window is longer.
        join_gap: seconds; spans closer than this share a window as long as it stays within ``max_window``.
        longest_pause: seconds; of a longer pause inside a window the middle is left out, and the window may
            reach further (``REACH``). None: all is kept.
        next_index: called once for each window made, for ``Window.index``.
        threshold: probability at which speech begins; it goes on until ``threshold - 0.15`` is not reached
            for ``min_silence`` seconds.
        min_speech: seconds; shorter bursts are not speech.
        padding: seconds added on both sides, at most half of ``min_silence`` so that neighbours never touch.
        floor: frames below this level (RMS dBFS) are never speech.

    Speech longer than ``max_window`` is cut in the last third of the window, where it is least probable and
    quietest; the pieces meet and nothing between them is lost.
    """

    def __init__(
        self,
        channel: int,
        *,
        max_window: float,
        join_gap: float,
        next_index: Callable[[], int],
        longest_pause: float | None = None,
        threshold: float = 0.5,
        min_silence: float = 0.5,
        min_speech: float = 0.25,
        padding: float = 0.2,
        floor: float = ENERGY_FLOOR,
    ) -> None:
        self._channel = channel
        self._next_index = next_index
        self._max = math.floor(max_window / FRAME_SECONDS + 1e-9)
        if self._max < 4 * _EDGE:
            raise ValueError(f"max_window of {max_window} s is too short")
        self._join = join_gap / FRAME_SECONDS
        self._pause = None if longest_pause is None else 2 * round(longest_pause / FRAME_SECONDS / 2)
        self._reach = math.inf if self._pause is None else REACH * self._max
        self._enter, self._stay = threshold, threshold - 0.15
        self._silence = max(1, round(min_silence / FRAME_SECONDS))
        self._shortest = max(1, round(min_speech / FRAME_SECONDS))
        # Two paddings fit into the shortest pause, so that spans never overlap, and leave a window room.
        self._pad = min(round(padding / FRAME_SECONDS), self._silence // 2, self._max // 4)
        self._floor = floor
        self._now = 0  # frames fed
        self._run: _Run | None = None
        self._open: list[tuple[int, int]] = []  # spans of the window that is being filled
        self._filled = 0  # frames of its audio
        self._ended: float | None = None
        self._recent: list[float] = []  # scores of the frames that padding may reach back to

    @property
    def safe_until(self) -> float:
        """Seconds: no window that is still to be made starts before this. Never goes back."""
        if self._ended is not None:
            return self._ended
        if self._open:
            return self._open[0][0] * FRAME_SECONDS
        return self._earliest() * FRAME_SECONDS

    @property
    def keep_from(self) -> float:
        """Seconds: audio before this is no longer needed, once that of the returned windows was taken."""
        return self.safe_until

    def feed(self, probabilities: Iterable[float], levels: Iterable[float]) -> list[Window]:
        """Take frames and return the windows that they complete, in time order.

        Args:
            probabilities: of speech, one a frame.
            levels: RMS in dB of full scale, one a frame; ``-inf`` is fine.

        Raises:
            ValueError: the two differ in length.
            RuntimeError: after ``flush``.
        """
        if self._ended is not None:
            raise RuntimeError("the packer was flushed")
        made: list[Window] = []
        for probability, level in zip(probabilities, levels, strict=True):
            self._step(float(probability), float(level), made)
        return made

    def flush(self, duration: float) -> list[Window]:
        """The windows that are left, none of which goes beyond ``duration`` (seconds of the recording)."""
        made: list[Window] = []
        if self._ended is None:
            if self._run is not None:
                self._close_run(made)
            self._emit(made)
            self._ended = duration
        limited = (_within(window, duration) for window in made)
        return [window for window in limited if window.end > window.start]

    def _step(self, probability: float, level: float, made: list[Window]) -> None:
        frame = self._now
        self._now += 1
        loud = level >= self._floor  # NaN counts as quiet
        if not loud or math.isnan(probability):
            probability, level = 0.0, self._floor
        score = probability + (level - self._floor) / _DB_PER_PROBABILITY
        run = self._run
        if run is not None:
            run.scores.append(score)
            if probability >= self._stay and loud:
                run.last = frame
                self._make_room(run, made)
            elif frame - run.last >= self._silence:
                self._close_run(made)
        elif probability >= self._enter and loud:
            low = max(frame - self._pad, 0)
            before = self._recent[len(self._recent) - (frame - low) :] if frame > low else []
            self._run = _Run(low, frame, frame, False, [*before, score])
        self._recent.append(score)
        if len(self._recent) > self._pad + 1:
            del self._recent[0]
        if self._open and not self._joins(self._earliest()):
            self._emit(made)

    def _earliest(self) -> int:
        """The first frame at which a span that is not yet closed can start."""
        if self._run is not None:
            return self._run.low
        return max(self._now - self._pad, 0)

    def _make_room(self, run: _Run, made: list[Window]) -> None:
        """Speech goes on: send off the window that it no longer fits, and cut it where it is too long."""
        if self._open and self._length_with(run.low, run.last + 1) > self._max:
            self._emit(made)
        if run.last + 1 - run.low <= self._max:
            return
        place = self._place_to_cut(run)
        self._add_span(run.low, place, made)
        self._emit(made)
        del run.scores[: place - run.low]
        run.low = run.first = place
        run.kept = True

    def _place_to_cut(self, run: _Run) -> int:
        """The frame in the last third of a full window where a cut harms least; the later wins a tie."""
        best, lowest = run.low + self._max, math.inf
        for place in range(run.low + self._max, run.low + self._max - self._max // 3 - 1, -1):
            around = run.scores[place - _EDGE - run.low : place + _EDGE - run.low]
            score = sum(around) / len(around)
            if score < lowest:
                best, lowest = place, score
        return best

    def _close_run(self, made: list[Window]) -> None:
        """The speech has ended at ``run.last``: make a span of it, or forget it where it is too short."""
        run, self._run = self._run, None
        assert run is not None
        if run.last + 1 - run.first >= self._shortest or run.kept:
            self._add_span(run.low, min(run.last + 1 + self._pad, run.low + self._max), made)

    def _add_span(self, low: int, high: int, made: list[Window]) -> None:
        if self._open and (self._length_with(low, high) > self._max or not self._joins(low)):
            self._emit(made)
        self._filled = self._length_with(low, high)
        self._open.append((low, high))

    def _joins(self, low: int) -> bool:
        """Whether a span from ``low`` on belongs to the window that is being filled."""
        return low - self._open[-1][1] < self._join and low - self._open[0][0] < self._reach

    def _length_with(self, low: int, high: int) -> int:
        """Frames of the window's audio, were this span its next one."""
        if not self._open:
            return high - low
        pause = low - self._open[-1][1]
        return self._filled + (pause if self._pause is None else min(pause, self._pause)) + high - low

    def _emit(self, made: list[Window]) -> None:
        if not self._open:
            return
        spans, stretches = _seconds(self._open), _seconds(self._stretches())
        self._open = []
        made.append(
            Window(self._next_index(), self._channel, spans[0].start, spans[-1].end, spans, stretches)
        )

    def _stretches(self) -> list[tuple[int, int]]:
        """What is left of the window that is being filled without the middles of its long pauses."""
        found = [self._open[0]]
        for low, high in self._open[1:]:
            start, end = found[-1]
            if self._pause is None or low - end <= self._pause:
                found[-1] = (start, high)
            else:
                found[-1] = (start, end + self._pause // 2)
                found.append((low - self._pause // 2, high))
        return found


def _seconds(frames: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    return tuple(Span(low * FRAME_SECONDS, high * FRAME_SECONDS) for low, high in frames)


def _within(window: Window, duration: float) -> Window:
    def limited(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(Span(span.start, min(span.end, duration)) for span in spans if span.start < duration)

    return replace(
        window,
        end=min(window.end, duration),
        spans=limited(window.spans),
        stretches=limited(window.stretches),
    )
