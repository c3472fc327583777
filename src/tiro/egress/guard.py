"""Whether a host may be called, and at which addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import structlog

from tiro.egress.addresses import Allowed, bare, is_address, is_public
from tiro.egress.base import Address, Resolver
from tiro.errors import AddressRefused

_log = structlog.get_logger(__name__)
_MOST = 4
"""Addresses of one host that are tried."""


class Guard:
    """Resolves a name once and hands out its addresses only if every one of them may be called: whoever
    connects to these, and asks for no name again, cannot be sent elsewhere by a name that changes."""

    def __init__(self, resolver: Resolver, allowed: Allowed) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def admit(self, host: str) -> Sequence[Address]:
        """The addresses to connect to, at least one.

        Raises:
            AddressRefused: one of them is inside.
            HostUnreachable: there is no such name.
        """
        found = [ip_address(host)] if is_address(host) else await self._resolver.resolve(host)
        addresses = [bare(address) for address in found]
        if not self._allowed.host(host):
            for address in addresses:
                if not is_public(address) and not self._allowed.address(address):
                    # The caller is not told which: that would be a map of what is inside.
                    _log.warning("egress.refused", host=host, address=str(address))
                    raise AddressRefused
        return addresses[:_MOST]
