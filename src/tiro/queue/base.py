"""The queue port."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Queue(Protocol):
    """Tell workers that a job's row is worth a look. May be lost, doubled or late without harm."""

    def wake(self, name: str) -> None:
        """Something waits in the queue ``name``. Called after the commit, from any thread. Never blocks,
        never raises."""
        ...

    def listen(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set at every wake-up in this process while the block lasts; the listener clears
        it."""
        ...

    def close(self) -> None:
        """Send what is still to be sent, for a moment."""
        ...
