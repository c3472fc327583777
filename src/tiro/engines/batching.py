"""Which requests share a batch: first come, first served, with a short wait for company."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

PATIENCE = 0.015
"""Seconds that a request waits for others to share its batch, while others are under way."""

PREPARING = 0.3
"""Seconds that a request waits for those that are being prepared just now, and so are sure to come."""

_MOST = 0.6  # of a batch's time

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[T]):
    number: int
    key: Hashable
    item: T
    since: float


class Batcher(Generic[T]):
    """A queue that gives out batches. Thread-safe.

    A request is announced as soon as it is known, put in once it is prepared, taken with others of its key,
    and finished when it is answered. The batch is always that of the request that waits longest, so nobody
    is passed over, and callers get on in the order in which they came.

    Args:
        largest: the most requests in a batch.
        workers: how many threads take batches. What waits is shared out among those that are free, or will
            soon be.
        patience: seconds that a request waits for company. One that is alone does not wait at all.
    """

    def __init__(self, largest: int, workers: int = 1, patience: float = PATIENCE) -> None:
        self._largest = largest
        self._workers = workers
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: list[_Waiting[T]] = []
        self._known = 0
        self._coming = 0
        self._at_work: deque[float] = deque()  # when each batch was taken
        self._lasted = math.inf  # the last batch

    def announce(self) -> None:
        with self._changed:
            self._known += 1
            self._coming += 1

    def put(self, number: int, key: Hashable, item: T) -> None:
        with self._changed:
            self._coming -= 1
            self._waiting.append(_Waiting(number, key, item, time.monotonic()))
            self._changed.notify_all()

    def refused(self) -> None:
        """A request that was announced will not be put in; it is still to be finished."""
        with self._changed:
            self._coming -= 1
            self._changed.notify_all()

    def drop(self, number: int) -> bool:
        """Take a request out; False where it does not wait (any more), so that its worker must answer it."""
        with self._changed:
            before = len(self._waiting)
            self._waiting = [waiting for waiting in self._waiting if waiting.number != number]
            return len(self._waiting) < before

    def finished(self, requests: int = 1) -> None:
        """So many requests are answered."""
        with self._changed:
            self._known -= requests
            self._changed.notify_all()

    def take(self) -> list[tuple[int, T]]:
        """The next batch, with the numbers of its requests. Waits until there is one."""
        with self._changed:
            while not (batch := self._ready()):
                self._changed.wait(self._patience_left() if self._waiting else None)
            self._waiting = [waiting for waiting in self._waiting if waiting not in batch]
            self._at_work.append(time.monotonic())
            return [(waiting.number, waiting.item) for waiting in batch]

    def done(self) -> None:
        """The worker that took a batch is free again."""
        with self._changed:
            self._lasted = time.monotonic() - self._at_work.popleft()
            self._changed.notify_all()

    def _ready(self) -> list[_Waiting[T]]:
        if not self._waiting:
            return []
        alike = [waiting for waiting in self._waiting if waiting.key == self._waiting[0].key]
        share = min(self._largest, -(-(len(alike) + self._coming) // self._soon_free()))
        company = self._known > len(alike)
        enough = share if self._coming else self._largest
        if len(alike) < enough and company and self._patience_left() > 0:
            return []
        return alike[:share]

    def _soon_free(self) -> int:
        """Workers that are free, and those that have done most of their batch: left for them, the last few
        requests are over sooner than if one worker took them all."""
        now = time.monotonic()
        busy = sum(now - taken < self._lasted * _MOST for taken in self._at_work)
        return max(1, self._workers - busy)

    def _patience_left(self) -> float:
        """Seconds until the first in the queue goes without company."""
        patience = max(self._patience, PREPARING) if self._coming else self._patience
        return max(0.0, self._waiting[0].since + patience - time.monotonic())
