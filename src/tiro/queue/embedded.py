"""Wake-ups inside one process."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from tiro.kit.signals import Signals


class EmbeddedQueue:
    """Passes wake-ups from any thread to the runner's event loop."""

    def __init__(self) -> None:
        self._signals = Signals()

    def wake(self, name: str) -> None:
        self._signals.fire("jobs")

    def listen(self) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._signals.listen("jobs")

    def close(self) -> None:
        """Nothing is under way."""
