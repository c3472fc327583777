"""Names, as this machine resolves them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from tiro.egress.base import Address
from tiro.errors import HostUnreachable

_THREADS = 64
"""Made when they are needed. So many, because a name server that is away keeps one for half a minute."""


class SystemResolver:
    """``getaddrinfo``, with the hosts file and all that the machine's operator has set up.

    It has threads of its own: one that waits for a name server that is away cannot be told to stop, and must
    not keep requests and jobs from theirs. Close it when done.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, host: str) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _look_up, host)
        except (OSError, UnicodeError) as err:
            raise HostUnreachable(f"There is no host named {host}, as far as can be told.") from err
        return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def _look_up(host: str) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)  # type: ignore[return-value]
