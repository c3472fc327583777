"""Headers of HTTP that clients read."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, now: Callable[[], datetime]) -> float | None:
    """Seconds that a ``Retry-After`` header asks for: a number or a date; None where it says neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        # A date with "-0000" has no zone; HTTP's dates are UTC.
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now()).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
