"""How many jobs may wait."""

from __future__ import annotations

import math
import time

from sqlalchemy.orm import Session

from tiro.errors import QueueFull
from tiro.features.jobs import waiting

_COUNT_SECONDS = 1.0
_FULL_SECONDS = 30.0
"""After which somebody who found the queue full may ask again."""


class Room:
    """How many jobs may wait. Counted once a second, for counting takes longer the more there are; whoever
    enqueues in the same second is counted here."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._counted_at = -math.inf

    def require(self, session: Session) -> None:
        if time.monotonic() - self._counted_at > _COUNT_SECONDS:
            self._count = waiting.count(session, self._limit)
            self._counted_at = time.monotonic()
        if self._count >= self._limit:
            raise QueueFull(
                f"{self._limit:,} jobs wait already, and no more are taken. Send it again later.",
                retry_after=_FULL_SECONDS,
            )

    def one_more(self) -> None:
        self._count += 1
