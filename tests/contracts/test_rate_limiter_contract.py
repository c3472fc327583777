"""The port of rate limits: every adapter grants as many, and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from tests.services.redis import Redis, shared_redis

from tiro.events.redis import redis_client
from tiro.limits.base import Rate, RateLimiter
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.limits.redis import RedisRateLimiter

SLOW = Rate("slow", "tries", 3, 3600)
QUICK = Rate("quick", "tries", 2, 1)


def shared(url: str, now: Callable[[], float] = time.monotonic) -> RedisRateLimiter:
    return RedisRateLimiter(redis_client(url, timeout=1), EmbeddedRateLimiter(), now)


@pytest.fixture(params=["embedded", "redis"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    found: RateLimiter = (
        EmbeddedRateLimiter() if request.param == "embedded" else shared(shared_redis().database())
    )
    yield found
    found.close()


def test_all_at_once_and_no_more(limiter: RateLimiter) -> None:
    async def take() -> None:
        assert [(await limiter.take(SLOW, "me")).left for _ in range(3)] == [2, 1, 0]
        refused = await limiter.take(SLOW, "me")
        assert (refused.granted, refused.left) == (False, 0)
        assert refused.next_in == pytest.approx(1200, abs=30)
        assert refused.full_in == pytest.approx(3600, abs=30)
        again = await limiter.take(SLOW, "me")
        assert not again.granted  # and what was refused cost nothing
        assert again.full_in <= refused.full_in

    asyncio.run(take())


def test_what_is_given_back_can_be_taken(limiter: RateLimiter) -> None:
    async def take() -> None:
        for _ in range(3):
            await limiter.take(SLOW, "me")
        await limiter.give_back(SLOW, "me")
        await limiter.give_back(SLOW, "nobody")
        assert (await limiter.take(SLOW, "me")).granted
        assert not (await limiter.take(SLOW, "me")).granted

    asyncio.run(take())


def test_it_comes_back_with_time(limiter: RateLimiter) -> None:
    async def take() -> None:
        for _ in range(2):
            assert (await limiter.take(QUICK, "me")).granted
        while not (balance := await limiter.take(QUICK, "me")).granted:
            assert 0 < balance.next_in <= QUICK.step
            await asyncio.sleep(balance.next_in)

    asyncio.run(take())


def test_people_and_rates_are_apart(limiter: RateLimiter) -> None:
    async def take() -> None:
        for _ in range(3):
            await limiter.take(SLOW, "me")
        assert (await limiter.take(SLOW, "you")).granted
        assert (await limiter.take(Rate("other", "tries", 3, 3600), "me")).granted

    asyncio.run(take())


def test_a_crowd_at_once_gets_as_many(limiter: RateLimiter) -> None:
    async def take() -> None:
        found = await asyncio.gather(*(limiter.take(SLOW, "me") for _ in range(30)))
        assert sum(one.granted for one in found) == 3

    asyncio.run(take())


def test_two_processes_share_in_redis_and_each_goes_on_while_it_is_away() -> None:
    redis = Redis()
    passed = 0.0
    one, two = (shared(redis.url(), lambda: passed) for _ in range(2))
    try:

        async def take() -> None:
            nonlocal passed
            in_turn = (one, two, one, two)
            assert [(await each.take(SLOW, "me")).granted for each in in_turn] == [True] * 3 + [False]
            redis.kill()
            # Now each by itself, and strictly so.
            for each in (one, two):
                assert [(await each.take(SLOW, "me")).granted for _ in range(4)] == [True] * 3 + [False]
            redis.start()
            # Left alone for a while, then shared again; what was kept there is lost.
            assert not (await one.take(SLOW, "me")).granted
            passed = 6.0
            assert [(await each.take(SLOW, "me")).granted for each in in_turn] == [True] * 3 + [False]

        asyncio.run(take())
    finally:
        one.close()
        two.close()
        redis.close()
