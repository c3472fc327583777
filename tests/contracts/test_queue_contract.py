"""The queue port: every adapter wakes who listens, and never keeps its caller waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.services.redis import Redis, shared_redis
from tests.serving import wait_until

from tiro.queue.base import Queue
from tiro.queue.celery import TASK, CeleryQueue, celery_queue, make_app
from tiro.queue.embedded import EmbeddedQueue
from tiro.worker.celery import CeleryConsumer

ADAPTERS = ["embedded", "celery"]


@pytest.fixture(params=ADAPTERS)
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    found: Queue = EmbeddedQueue() if request.param == "embedded" else CeleryQueue(shared_redis().database())
    yield found
    found.close()


def test_whoever_listens_is_woken(queue: Queue) -> None:
    async def listen() -> None:
        async with queue.listen() as hint:
            for _ in range(3):
                thread = threading.Thread(target=queue.wake, args=("cpu",))
                thread.start()
                await asyncio.wait_for(hint.wait(), 60)
                thread.join()
                hint.clear()

    asyncio.run(listen())


def test_nobody_need_listen(queue: Queue) -> None:
    for name in ("cpu", "gpu", "", "whatever"):
        queue.wake(name)


def test_closed_twice_and_woken_after(queue: Queue) -> None:
    queue.wake("cpu")
    queue.close()
    queue.wake("cpu")


@contextmanager
def consumer(url: str, calls: list[float]) -> Iterator[None]:
    def work() -> int:
        calls.append(time.monotonic())
        return 0

    app = make_app(url, patient=True)
    taking = CeleryConsumer(app, TASK, work, [celery_queue("cpu")], 2)
    taking.start()
    try:
        yield
    finally:
        taking.stop()
        app.close()


def test_celery_wakes_workers_elsewhere_and_outlives_its_broker() -> None:
    redis = Redis()
    queue = CeleryQueue(url := redis.url())
    calls: list[float] = []
    try:
        with consumer(url, calls):
            queue.wake("gpu")  # none of this worker's
            queue.wake("cpu")
            wait_until(lambda: calls, what="the first call")
            redis.kill()
            for _ in range(1000):
                before = time.monotonic()
                queue.wake("cpu")
                assert time.monotonic() - before < 20  # it neither waits nor raises
            redis.start()
            calls.clear()

            def woken() -> bool:
                queue.wake("cpu")
                return bool(calls)

            wait_until(woken, what="a call after the outage", pause=0.2)
    finally:
        queue.close()
        redis.close()
