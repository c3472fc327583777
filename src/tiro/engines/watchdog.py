"""Tell a child that works from one that hangs, without its help: a native call cannot say that it gets on."""

from __future__ import annotations

import threading
import time

import psutil

LONGEST = 3600.0
"""Seconds without an answer after which even a child that is busy has gone wrong."""

_LEAST = 0.02
"""Seconds of processor time that count as work: more than a child that only waits uses up by the way."""


class Watchdog:
    """Looks at one child. Thread-safe.

    A sign of life is an answer of any kind, or processor time: a call that computes uses some, one that is
    stuck uses none. What a child waits for elsewhere, such as a remote server, it limits itself.

    Args:
        seconds: without a sign of life after which a child that has work counts as stuck.
    """

    def __init__(self, pid: int, seconds: float) -> None:
        self.seconds = seconds
        self._child = psutil.Process(pid)
        self._lock = threading.Lock()
        self._answered = self._alive = time.monotonic()
        self._used = 0.0

    def heard(self) -> None:
        """The child answered, or gets its first work after a rest."""
        with self._lock:
            self._answered = self._alive = time.monotonic()

    def is_stuck(self) -> bool:
        """Ask only while the child has work."""
        with self._lock:
            now = time.monotonic()
            try:
                times = self._child.cpu_times()
            except psutil.Error:
                return False  # dead, which its pipe tells
            used = times.user + times.system
            if used - self._used >= _LEAST:
                self._used, self._alive = used, now
            return now - self._alive >= self.seconds or now - self._answered >= LONGEST
