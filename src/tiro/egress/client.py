"""Calls to addresses that users have named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tiro.egress.addresses import Allowed
from tiro.egress.base import Resolver
from tiro.egress.guard import Guard
from tiro.egress.targets import Target, target_of
from tiro.errors import AddressRefused, HostUnreachable, InvalidRequest, LimitExceeded

if TYPE_CHECKING:
    import httpcore

_REDIRECTS = {301, 302, 303, 307, 308}
_CREDENTIALS = {"authorization", "cookie"}


@dataclass(frozen=True, slots=True)
class Caps:
    """What one call may cost.

    Args:
        seconds: from the first look at the name to the last byte, redirects included.
        size: bytes of the answer's body.
        silence: seconds between two bytes, and for a connection.
    """

    seconds: float
    size: int
    silence: float = 30.0


class Answer:
    """An answer whose body is still to be read, by one of ``pieces``, ``body`` and ``head``.

    ``url`` is where it came from in the end. Names of ``headers`` are in lower case.
    """

    def __init__(self, response: httpcore.Response, url: str, size: int) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }
        self.url = url
        self._response = response
        self._size = size

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises LimitExceeded where it is larger than the caps say."""
        announced = self.headers.get("content-length", "")
        received = int(announced) if announced.isdecimal() and int(announced) > self._size else 0
        if received:
            raise self._too_large()
        async with aclosing(self._stream()) as stream:
            async for piece in stream:
                received += len(piece)
                if received > self._size:
                    raise self._too_large()
                yield piece

    async def body(self) -> bytes:
        """All of it. Raises LimitExceeded as ``pieces``."""
        return b"".join([piece async for piece in self.pieces()])

    async def head(self, count: int, seconds: float) -> bytes:
        """Its first ``count`` bytes, or what of them came in time before anything broke. Never raises."""
        found = bytearray()
        with suppress(TimeoutError, *_failures()):
            async with asyncio.timeout(seconds), aclosing(self._stream()) as stream:
                async for piece in stream:
                    found += piece
                    if len(found) >= count:
                        break
        return bytes(found[:count])

    def _stream(self) -> AsyncGenerator[bytes]:
        return cast("AsyncGenerator[bytes]", self._response.aiter_stream())

    def _too_large(self) -> LimitExceeded:
        return LimitExceeded(f"The answer is larger than the {self._size} bytes that are allowed.")


class Egress:
    """Calls out, to public addresses and to what the operator allows besides.

    Each call has a connection of its own, to an address that was checked for it. Nothing is taken from the
    environment: no proxy, no credentials.

    Args:
        agent: how the caller names itself to servers.
    """

    def __init__(self, resolver: Resolver, allowed: Allowed, agent: str = "tiro") -> None:
        self._guard = Guard(resolver, allowed)
        self._agent = agent

    async def check(self, url: str, seconds: float = 5.0) -> None:
        """Raises InvalidRequest or AddressRefused for what would never be called. Whether anybody is there
        is not asked, and a name that nobody knows may be known later."""
        target = target_of(url)
        with suppress(HostUnreachable, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._guard.admit(target.host)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        *,
        caps: Caps,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        redirects: int = 0,
    ) -> AsyncIterator[Answer]:
        """Call ``url`` and give its answer while the block lasts.

        Args:
            redirects: how many are followed; each is checked as the first address was. Without any, an
                answer that redirects is an answer like others. Only GET and HEAD are ever sent on.

        Raises:
            InvalidRequest: ``url``, or where it redirects to, is no address that can be called.
            AddressRefused: it leads inside.
            HostUnreachable: nobody is there, the answer is no HTTP, or it took too long.
        """
        target = target_of(url)
        deadline = asyncio.timeout(caps.seconds)
        try:
            async with deadline, AsyncExitStack() as stack:
                yield await self._follow(stack, method, target, dict(headers or {}), content, caps, redirects)
        except TimeoutError as err:
            if not deadline.expired():
                raise
            raise _unreachable(target, "it did not answer in time") from err
        except _failures() as err:
            from tiro.egress.connection import reason

            raise _unreachable(target, reason(err)) from err

    async def _follow(
        self,
        stack: AsyncExitStack,
        method: str,
        target: Target,
        headers: dict[str, str],
        content: bytes,
        caps: Caps,
        redirects: int,
    ) -> Answer:
        while True:
            answer = await stack.enter_async_context(self._send(method, target, headers, content, caps))
            location = answer.headers.get("location")
            if not redirects or answer.status not in _REDIRECTS or not location:
                return answer
            if method not in {"GET", "HEAD"}:
                return answer
            redirects -= 1
            try:
                following = target.join(location)
            except InvalidRequest as err:
                raise _unreachable(target, "it redirects to what is no address") from err
            if (target.scheme, following.scheme) == ("https", "http"):
                raise AddressRefused("The server redirects from https to http. Name the last address itself.")
            if following.origin != target.origin:
                headers = {name: text for name, text in headers.items() if name.lower() not in _CREDENTIALS}
            target = following

    @asynccontextmanager
    async def _send(
        self, method: str, target: Target, headers: dict[str, str], content: bytes, caps: Caps
    ) -> AsyncIterator[Answer]:
        from tiro.egress.connection import connection, url_of

        # Compressed, an answer of a few bytes could become one of gigabytes.
        fixed = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}
        sent = {"User-Agent": self._agent, "Accept": "*/*"} | headers | fixed
        names = ("connect", "read", "write", "pool")
        async with connection(target, self._guard) as line:
            asking = line.stream(
                method,
                url_of(target),
                headers=list(sent.items()),
                content=content or None,
                extensions={"timeout": dict.fromkeys(names, caps.silence)},
            )
            async with asking as response:
                yield Answer(response, target.url, caps.size)


def _failures() -> tuple[type[Exception], ...]:
    from tiro.egress.connection import FAILURES

    return FAILURES


def _unreachable(target: Target, why: str) -> HostUnreachable:
    return HostUnreachable(f"{target.host} cannot be called: {why}.")
