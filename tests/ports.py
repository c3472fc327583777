"""Ports for servers that must be told one, or that come back at the one they had."""

from __future__ import annotations

import random
import socket

_BELOW_THE_SYSTEMS = range(15_000, 30_000)
"""The system gives away higher ones, to any connection of anybody's: one that is free there is soon not."""


def free_port() -> int:
    """One on loopback that nobody listens at, and that nobody is given who asks for any."""
    for port in random.SystemRandom().sample(_BELOW_THE_SYSTEMS, 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("of 100 ports none is free")
