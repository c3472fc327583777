"""Ctrl-C and SIGTERM, for commands that have an event loop of their own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


def on_signals(action: Callable[[], object]) -> None:
    """Call ``action`` in the running loop when the process is asked to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, action)
