"""The processors that an engine may count on, and what they can do."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


def processors() -> int:
    """Processors that this process may use, at least 1; ``taskset`` or a container may allow only some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def processor_name() -> str:
    """The model's name, where the system tells."""
    return _told().get("model name") or platform.processor() or platform.machine()


def adds_eight_bits() -> bool:
    """Whether products of 8-bit integers are added in 32 bits. Older x86 processors add pairs of them in 16
    bits, where the largest do not fit."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return bool({"avx512_vnni", "avx_vnni"} & set(_told().get("flags", "").split()))


@cache
def _told() -> dict[str, str]:
    """What Linux says of the first processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
