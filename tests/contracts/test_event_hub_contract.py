"""The event hub port: every adapter tells all who follow a recording, in whichever process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.services.redis import Redis, shared_redis

from tiro.events.base import EventHub
from tiro.events.embedded import EmbeddedEventHub
from tiro.events.redis import RedisEventHub

Pair = tuple[EventHub, EventHub]


@pytest.fixture(params=["embedded", "redis", "two processes' on redis"])
def hubs(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """One to announce with, and one to listen with; within a process they are one."""
    make: Callable[[], EventHub] = EmbeddedEventHub
    if request.param != "embedded":
        url = shared_redis().database()
        make = lambda: RedisEventHub(url)  # noqa: E731
    one = make()
    two = make() if request.param.startswith("two") else one
    yield one, two
    for hub in {one, two}:
        hub.close()
        hub.disconnect()


async def heard(announce: Callable[[], None], hint: asyncio.Event) -> None:
    """Wait for the hint, announcing again and again: one may be lost."""
    for _ in range(600):
        announce()
        try:
            await asyncio.wait_for(hint.wait(), 0.1)
        except TimeoutError:
            continue
        hint.clear()
        return
    raise AssertionError("nothing was heard")


def test_it_says_what_it_goes_through(hubs: Pair) -> None:
    found = hubs[0].broker()
    assert (found is None) == isinstance(hubs[0], EmbeddedEventHub)
    assert found is None or found.startswith("Redis ")


def test_who_follows_a_recording_is_told(hubs: Pair) -> None:
    async def follow() -> None:
        async with hubs[1].listen("a") as hint, hubs[1].listen("a") as other:
            for _ in range(3):
                await heard(lambda: hubs[0].announce("a"), hint)
            await asyncio.wait_for(other.wait(), 60)

    asyncio.run(follow())


def test_who_follows_another_is_not(hubs: Pair) -> None:
    async def follow() -> None:
        async with hubs[1].listen("a") as hint, hubs[1].listen("b") as other:
            # A hub that has only begun to hear tells everybody to look, and that may be late.
            for _ in range(20):
                other.clear()
                await heard(lambda: hubs[0].announce("a"), hint)
                if not other.is_set():
                    return
            raise AssertionError("it is told of another each time")

    asyncio.run(follow())


def test_announced_from_any_thread_with_nobody_there(hubs: Pair) -> None:
    threads = [threading.Thread(target=hubs[0].announce, args=(str(n),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_closing_sends_all_away(hubs: Pair) -> None:
    async def follow() -> None:
        async with hubs[1].listen("a") as hint:
            assert not hubs[1].closed
            hubs[1].close()
            await asyncio.wait_for(hint.wait(), 60)
            assert hubs[1].closed

    asyncio.run(follow())


def test_redis_may_go_and_come() -> None:
    redis = Redis()
    one, two = RedisEventHub(redis.url()), RedisEventHub(redis.url())
    try:

        async def follow() -> None:
            async with two.listen("a") as hint:
                await heard(lambda: one.announce("a"), hint)
                await asyncio.to_thread(redis.kill)
                with pytest.raises(ConnectionError, match="Redis does not answer"):
                    await asyncio.to_thread(one.broker)
                for _ in range(100):
                    one.announce("a")
                # Within a process it needs nobody.
                hint.clear()
                two.announce("a")
                await asyncio.wait_for(hint.wait(), 60)
                hint.clear()
                await asyncio.to_thread(redis.start)
                await heard(lambda: one.announce("a"), hint)

        asyncio.run(follow())
    finally:
        for hub in (one, two):
            hub.close()
            hub.disconnect()
        redis.close()
