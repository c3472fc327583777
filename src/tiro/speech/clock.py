"""Times as people read them."""

from __future__ import annotations


def clock_time(seconds: float) -> str:
    """``1:02:03`` or ``2:03``, whole seconds."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
