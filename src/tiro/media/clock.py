"""Where in the recording each decoded frame belongs, by its time stamp as far as that can be believed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

JITTER = 0.06
"""Seconds that a time stamp may be late without meaning anything; what adds up beyond it is a gap."""

LONGEST_GAP = 3600.0
"""Seconds. A longer jump means that the stamps started anew, not that nothing was sent for so long."""

_RESTART = 1.0  # seconds backwards, beyond which the stamps started anew
_DELAY = 0.25  # seconds by which decoders such as WMA's stamp their first frame too late
_WITNESS_SECONDS = 0.25  # of sound behind a jump that must agree with it: more than MPEG-TS stamps at once
_MOST_WITNESSES = 64  # frames, so that frames of a few samples cost no more than others
_SLACK = 60.0  # seconds by which a recording may well be longer than it claims


class Timed(Protocol):
    """A decoded frame, as far as its time goes; ``pts`` counts in ``time_base`` and may be unknown."""

    @property
    def pts(self) -> int | None: ...
    @property
    def time_base(self) -> Fraction | None: ...
    @property
    def samples(self) -> int: ...
    @property
    def sample_rate(self) -> int: ...


Frame = TypeVar("Frame", bound=Timed)


class Clock(Generic[Frame]):
    """Iterate to get ``(at, frame)`` for each frame, in order: ``at`` is None where the frame follows on the
    one before, else the second of the recording at which it belongs, behind a gap that silence should fill.

    Nothing ever comes out earlier than what came before it. Stamps that lag behind the sound are taken as
    jitter, which a later gap makes good; stamps that fall back further start a new count.

    Args:
        frames: drawn ahead by a quarter of a second where a stamp jumps, else not at all.
        zero: stamp, in seconds, of the recording's beginning; None takes the first frame's.
        first: stamp, in seconds, that the container gives for the beginning of this sound, if it does.
        claimed: length of the recording in seconds by its header; a gap far beyond it is not believed.
    """

    def __init__(
        self,
        frames: Iterator[Frame],
        *,
        zero: float | None = None,
        first: float | None = None,
        claimed: float | None = None,
    ) -> None:
        self._frames = frames
        self._ahead: deque[Frame] = deque()
        self._first = first
        self._end = None if claimed is None else 1.5 * claimed + _SLACK
        self._position = 0.0  # seconds that were given out, silence included
        self._base = zero  # stamp at which the recording's time is 0; None until known
        self._started = False
        self._former: float | None = None

    def __iter__(self) -> Iterator[tuple[float | None, Frame]]:
        while (frame := self._next()) is not None:
            gap = self._gap(frame)
            self._position += gap
            at = self._position if gap else None
            self._position += _length(frame)
            yield at, frame

    def _next(self) -> Frame | None:
        return self._ahead.popleft() if self._ahead else next(self._frames, None)

    def _gap(self, frame: Frame) -> float:
        """Seconds of silence that belong before the frame."""
        stamp = _stamp(frame)
        if stamp is None:
            return 0.0
        if not self._started:
            self._start(stamp)
        late = self._late(stamp, self._position)
        if -_RESTART <= late <= JITTER:
            return 0.0
        others = self._witnesses(frame)
        if not others:
            return 0.0
        if late < 0:
            agreed = max(late, *others)
            if agreed < -_RESTART:
                self._former = self._base
                self._shift(agreed)
            return 0.0
        agreed = min(late, *others)
        if agreed <= JITTER / 2:
            return 0.0
        return self._believed(agreed)

    def _start(self, stamp: float) -> None:
        self._started = True
        if self._base is None:
            self._base = stamp
        elif self._first is not None:
            self._base += min(max(0.0, stamp - self._first), _DELAY)

    def _believed(self, late: float) -> float:
        """The gap that all witnesses agree on, or 0 where the count of the stamps must have changed."""
        if self._former is not None and self._base is not None:
            # A stretch of wrong stamps that fell back is over: the old count is the right one again.
            missing = late + self._base - self._former
            if abs(missing) <= _RESTART:
                self._base, self._former = self._former, None
                return missing if missing > JITTER else 0.0
        if late > LONGEST_GAP or (self._end is not None and self._position + late > self._end):
            self._shift(late)
            return 0.0
        return late

    def _shift(self, seconds: float) -> None:
        assert self._base is not None
        self._base += seconds

    def _late(self, stamp: float, position: float) -> float:
        assert self._base is not None
        return stamp - self._base - position

    def _witnesses(self, frame: Frame) -> list[float]:
        """How late the next frames would be if this one followed on the one before."""
        position = self._position + _length(frame)
        found: list[float] = []
        heard = 0.0
        for index in range(_MOST_WITNESSES):
            if heard >= _WITNESS_SECONDS:
                break
            if index == len(self._ahead):
                other = next(self._frames, None)
                if other is None:
                    break
                self._ahead.append(other)
            other = self._ahead[index]
            stamp = _stamp(other)
            if stamp is not None:
                found.append(self._late(stamp, position + heard))
            heard += _length(other)
        return found


def _stamp(frame: Timed) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base.numerator / frame.time_base.denominator  # fractions are slow


def _length(frame: Timed) -> float:
    return frame.samples / frame.sample_rate
