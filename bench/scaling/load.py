"""What comes in: recordings over a day, by people and in batches."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

HOUR = 3600.0
DAY = 24 * HOUR

OFFICE = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 17, 13, 15, 19, 18, 15, 10, 7, 5, 4, 3, 2, 1)
"""How busy each hour of a day is, where people work from nine to five."""

EVEN = (1,) * 24


@dataclass(slots=True)
class Job:
    """A recording that waits for its transcript. Times and ``audio`` are seconds."""

    number: int
    at: float
    user: int
    priority: int
    audio: float
    batched: bool = False
    left: float = 0.0
    """Seconds of work that are still to be done."""
    started: float | None = None
    ended: float | None = None
    turn: int = 0

    @property
    def wait(self) -> float | None:
        return None if self.started is None else self.started - self.at


@dataclass(frozen=True, slots=True)
class Load:
    """A day.

    ``hours`` of audio come in, in files of ``mean`` seconds whose lengths are lognormal with ``sigma``.
    ``users`` differ by Zipf's law. Of the audio, ``batched`` comes in batches of ``batch`` files at once.
    ``shares`` are those of the priorities high, normal and low among single files; batches are low or normal,
    half each. ``curve`` says how busy each hour is.
    """

    hours: float = 10_000
    mean: float = 600.0
    sigma: float = 1.0
    users: int = 2_000
    batched: float = 0.3
    batch: int = 200
    shares: tuple[float, float, float] = (0.1, 0.8, 0.1)
    curve: tuple[float, ...] = OFFICE

    @property
    def files(self) -> float:
        """In a day."""
        return self.hours * HOUR / self.mean

    @property
    def peak(self) -> float:
        """The busiest hour beside the mean one."""
        return max(self.curve) * len(self.curve) / sum(self.curve)


def arrivals(load: Load, days: int, seed: int) -> Iterator[Job]:
    """Jobs in the order in which they come."""
    chance = random.Random(seed)
    moments = sorted(_moments(load, days, chance))
    weights = list(accumulate(1 / (rank + 1) for rank in range(load.users)))
    location = math.log(load.mean) - load.sigma**2 / 2
    number = 0
    for at, count in moments:
        user = chance.choices(range(load.users), cum_weights=weights)[0]
        shares = (0, 1, 1) if count > 1 else load.shares
        priority = chance.choices((0, 1, 2), weights=shares)[0]
        for _ in range(count):
            audio = chance.lognormvariate(location, load.sigma)
            yield Job(number, at, user, priority, audio, count > 1)
            number += 1


def _moments(load: Load, days: int, chance: random.Random) -> Iterator[tuple[float, int]]:
    """When something comes, and how many files at once."""
    singles = load.files * (1 - load.batched)
    batches = load.files * load.batched / load.batch
    total = sum(load.curve)
    for day in range(days):
        for hour, weight in enumerate(load.curve):
            begin = day * DAY + hour * HOUR
            for a_day, count in ((singles, 1), (batches, load.batch)):
                rate = a_day * weight / total / HOUR
                at = begin + chance.expovariate(rate) if rate else math.inf
                while at < begin + HOUR:
                    yield at, count
                    at += chance.expovariate(rate)
