"""Who may ask how often: per address, per key, and far less often where secrets can be guessed."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiro.errors import Forbidden, RateLimited, Unauthorized
from tiro.http.problems import render
from tiro.limits.base import Balance, Rate, RateLimiter
from tiro.telemetry import metrics

UNLIMITED = frozenset({"/live", "/ready", "/metrics", "/api/v1/health"})
"""Whoever watches over the server may always ask."""
_GUESSABLE = "/api/v1/auth/"
_REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """All rates in one place; None is no limit.

    ``guesses_address`` and ``guesses_name`` count tries that were refused, where a secret could be guessed:
    from one address, and for one name from wherever they come.
    """

    limiter: RateLimiter
    address: Rate | None
    key: Rate | None
    guesses_address: Rate | None
    guesses_name: Rate | None

    async def count_key(self, request: Request, who: str) -> None:
        """Count a request of whoever ``who`` is: a key, or a user without one. Raises RateLimited."""
        if self.key is not None and request.scope["path"] not in UNLIMITED:
            await self._take(request.scope, self.key, who)

    async def count_address(self, scope: Scope) -> None:
        """Raises RateLimited."""
        if self.address is not None:
            await self._take(scope, self.address, address_of(scope))

    async def begin_guess(self, scope: Scope, rate: Rate, who: str) -> None:
        """Count a try that may be a guess, until ``limiter.give_back`` says that it was none. It is counted
        first, so that many at once cannot pass before the first is refused.

        Raises:
            RateLimited: there were too many.
        """
        balance = await self.limiter.take(rate, who)
        if not balance.granted:
            _balances(scope).append(balance)
            raise _too_many(balance)

    @asynccontextmanager
    async def guess_of_name(self, request: Request, name: str) -> AsyncIterator[None]:
        """Around a look at the password of ``name``, whether there is somebody of that name or not. It counts
        where the block ends with Unauthorized or Forbidden.

        Raises:
            RateLimited: there were too many.
        """
        if (rate := self.guesses_name) is None:
            yield
            return
        who = unicodedata.normalize("NFC", name)
        await self.begin_guess(request.scope, rate, who)
        refused = False
        try:
            yield
        except (Unauthorized, Forbidden):
            refused = True
            raise
        finally:
            if not refused:
                await self.limiter.give_back(rate, who)

    async def _take(self, scope: Scope, rate: Rate, who: str) -> None:
        balance = await self.limiter.take(rate, who)
        _balances(scope).append(balance)
        if not balance.granted:
            raise _too_many(balance)


class LimitedRequests:
    """Plain ASGI: counts requests per address, and tells what is left in the headers of every answer."""

    def __init__(self, app: ASGIApp, limits: RequestLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _tell(MutableHeaders(scope=message), _balances(scope))
            await send(message)

        limits = self._limits
        guesses = limits.guesses_address if scope["path"].startswith(_GUESSABLE) else None
        try:
            await limits.count_address(scope)
            if guesses is not None:
                await limits.begin_guess(scope, guesses, address_of(scope))
        except RateLimited as error:
            await render(Request(scope), error)(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            if guesses is not None and status not in _REFUSALS:
                await limits.limiter.give_back(guesses, address_of(scope))


def address_of(scope: Scope) -> str:
    """Whose address it is. Of IPv6 the network counts: in theirs everybody has as many as they like."""
    host: str = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64)) + "/64"
    return host


def _balances(scope: Scope) -> list[Balance]:
    found: list[Balance] = scope.setdefault("state", {}).setdefault("balances", [])
    return found


def _too_many(balance: Balance) -> RateLimited:
    rate = balance.rate
    metrics.LIMITS_REFUSED.add(rate.name)
    return RateLimited(
        f"There were more than {rate.count} {rate.what} in {rate.seconds} seconds. "
        f"Try again in {math.ceil(balance.next_in)} seconds.",
        retry_after=math.ceil(balance.next_in),
    )


def _tell(headers: MutableHeaders, balances: list[Balance]) -> None:
    """As draft-ietf-httpapi-ratelimit-headers has it, all policies; and in the three older fields, which most
    clients know, the one that ends first."""
    if not balances:
        return
    headers["RateLimit-Policy"] = ", ".join(
        f'"{b.rate.name}";q={b.rate.count};w={b.rate.seconds}' for b in balances
    )
    headers["RateLimit"] = ", ".join(f'"{b.rate.name}";r={b.left};t={math.ceil(b.full_in)}' for b in balances)
    least = min(balances, key=lambda b: (b.granted, b.left))
    headers["RateLimit-Limit"] = str(least.rate.count)
    headers["RateLimit-Remaining"] = str(least.left)
    headers["RateLimit-Reset"] = str(math.ceil(least.full_in))
