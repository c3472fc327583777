"""How many processors an engine may count on."""

from __future__ import annotations

import os


def processors() -> int:
    """Processors that this process may use, at least 1; ``taskset`` or a container may allow only some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
