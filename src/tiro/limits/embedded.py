"""Rate limits in the memory of one process."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from tiro.limits.base import Balance, Rate

_ROOM = 100_000
_ROUNDING = 1e-6


class EmbeddedRateLimiter:
    """One number each: the moment at which all will be there again (the generic cell rate algorithm). A
    restart forgets everything.

    Args:
        now: seconds of a clock that never goes back.
        room: of how many one is remembered. Beyond it those are forgotten who would have all back first, so
            that nobody can push out a limit that holds by coming under many names.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, room: int = _ROOM) -> None:
        self._now = now
        self._room = room
        self._full_at: dict[tuple[str, str], float] = {}

    async def take(self, rate: Rate, who: str) -> Balance:
        now = self._now()
        full_at = max(self._full_at.get((rate.name, who), now), now)
        granted = full_at + rate.step <= now + rate.seconds + _ROUNDING
        if granted:
            full_at += rate.step
            self._full_at[rate.name, who] = full_at
            if len(self._full_at) > self._room:
                self._forget(now)
        missing = full_at - now
        left = int((rate.seconds - missing) / rate.step + _ROUNDING)
        next_in = 0.0 if left else missing + rate.step - rate.seconds
        return Balance(rate, granted, left, next_in, missing)

    async def give_back(self, rate: Rate, who: str) -> None:
        if (full_at := self._full_at.get((rate.name, who))) is not None:
            self._full_at[rate.name, who] = full_at - rate.step

    def close(self) -> None:
        """Nothing runs beside."""

    def _forget(self, now: float) -> None:
        """Make a tenth of the room free, at least."""
        full = [key for key, full_at in self._full_at.items() if full_at <= now]
        for key in full:
            del self._full_at[key]
        surplus = len(self._full_at) - self._room * 9 // 10
        if surplus > 0:
            for key in heapq.nsmallest(surplus, self._full_at, key=self._full_at.__getitem__):
                del self._full_at[key]
