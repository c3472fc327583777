"""Event hints inside one process."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from tiro.kit.signals import Signals


class EmbeddedEventHub:
    """Passes announcements from any thread to the event loops of those who listen."""

    def __init__(self) -> None:
        self._signals = Signals()
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self._signals.fire_all()

    def disconnect(self) -> None:
        """Nothing runs beside."""

    def broker(self) -> str | None:
        return None

    def announce(self, recording_id: str) -> None:
        self._signals.fire(recording_id)

    def listen(self, recording_id: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._signals.listen(recording_id)
