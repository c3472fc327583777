"""Rate limits that all processes share, in Redis; where that is away, each process has its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from tiro.limits.base import Balance, Rate, RateLimiter

_log = structlog.get_logger(__name__)

_AWAY_SECONDS = 5.0
"""How long Redis is left alone after a failure."""

_ROUNDING = 1e-6

# The moment at which all will be there again, as in the embedded one; by Redis' own clock, so that no two
# machines differ. Times are text, for Lua's numbers become whole ones on their way out.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local step, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local granted = full_at + step <= now + seconds + 1e-6
if granted then
  full_at = full_at + step
  redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
end
return {granted and 1 or 0, string.format('%.6f', full_at - now)}
"""
_GIVE_BACK = """
local full_at = redis.call('GET', KEYS[1])
if full_at then
  redis.call('SET', KEYS[1], string.format('%.6f', tonumber(full_at) - tonumber(ARGV[1])), 'KEEPTTL')
end
"""


class RedisRateLimiter:
    """The generic cell rate algorithm in Redis.

    Args:
        client: of the library `redis`; this owns it.
        meanwhile: what holds while Redis does not answer.
    """

    def __init__(
        self, client: Any, meanwhile: RateLimiter, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._take = client.register_script(_TAKE)
        self._give_back = client.register_script(_GIVE_BACK)
        self._meanwhile = meanwhile
        self._now = now
        self._away_until = 0.0
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="limits")

    async def take(self, rate: Rate, who: str) -> Balance:
        found = await self._ask(self._take, rate, who, (rate.step, rate.seconds))
        if found is None:
            return await self._meanwhile.take(rate, who)
        granted, missing = bool(found[0]), float(found[1])
        left = int((rate.seconds - missing) / rate.step + _ROUNDING)
        next_in = 0.0 if left else missing + rate.step - rate.seconds
        return Balance(rate, granted, left, next_in, missing)

    async def give_back(self, rate: Rate, who: str) -> None:
        if await self._ask(self._give_back, rate, who, (rate.step,)) is None:
            await self._meanwhile.give_back(rate, who)

    def close(self) -> None:
        self._threads.shutdown()
        self._client.close()

    async def _ask(self, script: Any, rate: Rate, who: str, values: tuple[float, ...]) -> Any:
        """The script's answer; None where there is none."""
        if self._now() < self._away_until:
            return None
        keys = [f"tiro:limit:{rate.name}:{who}"]

        def run() -> Any:
            return script(keys=keys, args=values) or ()

        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except Exception as error:  # noqa: BLE001 (the edge of a connection: each process limits by itself)
            if not self._away_until:
                _log.warning("limits.not_shared", error=str(error), detail="each process limits by itself")
            self._away_until = self._now() + _AWAY_SECONDS
            return None
        if self._away_until:
            self._away_until = 0.0
            _log.info("limits.shared_again")
        return found
