"""The port of rate limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` at once, and from then on as fast as they come back, one after the other: all of them within
    ``seconds``. ``name`` tells this rate from others of the same person, ``what`` says what is counted."""

    name: str
    what: str
    count: int
    seconds: int

    @property
    def step(self) -> float:
        """Seconds after which one comes back."""
        return self.seconds / self.count


@dataclass(frozen=True, slots=True)
class Balance:
    """What a try to take one gave. ``left`` may be taken now; ``next_in`` seconds from now one comes back
    where none is left, and ``full_in`` seconds from now there are all."""

    rate: Rate
    granted: bool
    left: int
    next_in: float
    full_in: float


class RateLimiter(Protocol):
    """Counts who did what how often. Called from one event loop."""

    async def take(self, rate: Rate, who: str) -> Balance:
        """Take one, where there is one. A try that is not granted costs nothing."""
        ...

    async def give_back(self, rate: Rate, who: str) -> None:
        """As if one had not been taken."""
        ...

    def close(self) -> None:
        """End what runs beside."""
        ...
