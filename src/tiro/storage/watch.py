"""Whether recordings can be kept: asked of the store now and then, however often people ask here."""

from __future__ import annotations

import threading
import time

import structlog

from tiro.errors import StorageUnavailable
from tiro.storage.base import StorageInventory

_log = structlog.get_logger(__name__)


class StorageWatch:
    """What the store said last. Used from many threads, of which one asks.

    Args:
        seconds: how long an answer holds.
        bad_seconds: how long a bad one does.
    """

    def __init__(
        self, inventory: StorageInventory, *, seconds: float = 30.0, bad_seconds: float = 3.0
    ) -> None:
        self._inventory = inventory
        self._seconds, self._bad_seconds = seconds, bad_seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._free: int | None = None
        self._fault: str | None = None

    def look(self) -> int | None:
        """The bytes that are free, where that can be told.

        Raises:
            StorageUnavailable: it says what is missing.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._ask()
            if self._fault is not None:
                raise StorageUnavailable(self._fault, retry_after=5)
            return self._free

    def _ask(self) -> None:
        before = self._fault
        try:
            self._free, self._fault = self._inventory.check(), None
        except StorageUnavailable as error:
            self._fault = error.message
        if self._fault is None and before is not None:
            _log.info("storage.back")
        elif self._fault != before:
            _log.error("storage.unusable", reason=self._fault)
        self._until = time.monotonic() + (self._bad_seconds if self._fault else self._seconds)
