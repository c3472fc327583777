"""The resolver port."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

Address = IPv4Address | IPv6Address


class Resolver(Protocol):
    """Turn names into addresses."""

    async def resolve(self, host: str) -> Sequence[Address]:
        """All addresses of ``host``, at least one, the ones to be tried first at the front.

        Raises:
            HostUnreachable: there is no such name, or nobody who knows it answers.
        """
        ...
