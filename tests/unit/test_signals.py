"""Waiting for an event in a loop that only a cancellation ends."""

from __future__ import annotations

import asyncio

import pytest

from tiro.kit.signals import within


def test_it_says_whether_the_event_came() -> None:
    async def wait() -> tuple[bool, bool]:
        event = asyncio.Event()
        early = await within(event, 0)
        asyncio.get_running_loop().call_soon(event.set)
        return early, await within(event, 60)

    assert asyncio.run(wait()) == (False, True)


@pytest.mark.parametrize("steps", range(5))
def test_a_cancellation_that_comes_with_the_event_ends_the_loop(steps: int) -> None:
    """At each step of the event loop between the event and whoever waits for it."""

    async def forever(event: asyncio.Event) -> None:
        while True:
            event.clear()
            await within(event, 60)

    async def cancelled() -> bool:
        event = asyncio.Event()
        task = asyncio.create_task(forever(event))
        for _ in range(5):
            await asyncio.sleep(0)
        event.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=10)
        task.cancel()  # so that a failure ends too
        return bool(ended)

    assert asyncio.run(cancelled())
