"""The event hint port."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class EventHub(Protocol):
    """Tell those who follow a recording that its log has grown. May be lost, doubled or late without harm.

    ``closed`` is true once nobody should wait for anything any more.
    """

    @property
    def closed(self) -> bool: ...

    def close(self) -> None:
        """Send everybody who listens away, because the server stops."""
        ...

    def disconnect(self) -> None:
        """End what runs beside, after ``close``."""
        ...

    def broker(self) -> str | None:
        """What carries hints to other processes, with its version; None where there is nothing of the kind.

        Raises:
            ConnectionError: it does not answer. Hints reach this process alone meanwhile.
        """
        ...

    def announce(self, recording_id: str) -> None:
        """Called after the commit, from any thread. Never blocks, never raises."""
        ...

    def listen(self, recording_id: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set at every announcement while the block lasts; the listener clears it."""
        ...
