"""The life of a delivery, and when a try is followed by another."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tiro.telemetry.origin import Origin

PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 24_000.0)
"""Seconds before each further try: together a little more than a day."""

_LONGEST_PAUSE = 36_000.0
"""Seconds. A receiver may ask for less haste, not to be told next week."""

PATIENCE = timedelta(days=5)
"""A webhook that did nothing but fail for so long is turned off."""

QUIET = timedelta(days=2)
"""Failures that are further apart than the tries of one message say nothing about the time between."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The right to send a message once, until the lease runs out, and all that is needed for it."""

    delivery_id: str
    webhook_id: str
    attempt: int
    event: str
    url: str
    body: str
    secrets: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. ``status`` is the receiver's; without one, ``error`` says why.

    ``excerpt`` is how the answer begins, ``retry_after`` the seconds that it asks for.
    """

    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None
    excerpt: str = ""
    retry_after: float | None = None

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more, ever."""
        return self.status == 410


def pause_after(failures: int, retry_after: float | None) -> timedelta | None:
    """The time until the next try after the ``failures``-th failure in a row; None where that was the last.
    Up to a fifth longer than planned, so that what failed at once does not come back at once."""
    if failures > len(PAUSES):
        return None
    asked = min(retry_after or 0.0, _LONGEST_PAUSE)
    pause = max(PAUSES[failures - 1], asked)
    return timedelta(seconds=pause * random.SystemRandom().uniform(1.0, 1.2))
