"""Wake-ups that cross from any thread into event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long for it at most; whether it came."""
    with suppress(TimeoutError):
        # Python 3.11's `wait_for` loses a cancellation that comes with the event, and whoever loops lives on.
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Signals:
    """Keyed signals without memory: who does not listen at the moment misses them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._listeners: dict[Hashable, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def fire(self, key: Hashable) -> None:
        """Set the events of all who listen to ``key``. Never blocks."""
        with self._guard:
            for loop, event in self._listeners.get(key, ()):
                loop.call_soon_threadsafe(event.set)

    def fire_all(self) -> None:
        """Set the events of all who listen to anything."""
        with self._guard:
            keys = list(self._listeners)
        for key in keys:
            self.fire(key)

    @asynccontextmanager
    async def listen(self, key: Hashable) -> AsyncIterator[asyncio.Event]:
        """An event that ``fire`` sets while the block lasts; the listener clears it."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._guard:
            self._listeners.setdefault(key, []).append(entry)
        try:
            yield entry[1]
        finally:
            with self._guard:
                listeners = self._listeners[key]
                listeners.remove(entry)
                if not listeners:
                    del self._listeners[key]
