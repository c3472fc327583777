"""Gives threads to jobs: at a wake-up, and each second in case one was lost."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tiro.kit.signals import within
from tiro.queue.base import Queue
from tiro.worker.jobs import JobRunner

_POLL_SECONDS = 1.0
"""A lost wake-up costs no more than this."""


class Runner:
    """Has up to as many jobs done at once as the job runner has slots, until it is stopped. The event loop
    only watches; inference is in child processes, and a job's thread mostly waits for them."""

    def __init__(self, jobs: JobRunner, queue: Queue) -> None:
        self.jobs = jobs
        self._queue = queue
        self._stopping = False
        self._alive = False
        self._wake: asyncio.Event | None = None

    @property
    def alive(self) -> bool:
        """Whether it takes jobs."""
        return self._alive

    @property
    def busy(self) -> int:
        """How many jobs are at work."""
        return self.jobs.busy

    async def run(self) -> None:
        """Work until ``stop`` is called, then give back what is under way and return."""
        loop = asyncio.get_running_loop()
        threads = ThreadPoolExecutor(self.jobs.worker.slots, "job")
        self.jobs.begin()
        try:
            async with self._queue.listen() as hint:
                self._wake = hint
                self.jobs.more = lambda: _set(loop, hint)
                self._alive = True
                while not self._stopping:
                    hint.clear()
                    if not self.jobs.full:
                        threads.submit(self.jobs.work)
                    await within(hint, _POLL_SECONDS)
        finally:
            self._alive = False
            self.jobs.stop()
            await asyncio.to_thread(threads.shutdown)
            await asyncio.to_thread(self.jobs.end)

    def stop(self) -> None:
        """Take no more jobs; end those under way so that they go on after a restart. Call from the loop."""
        self._stopping = True
        self.jobs.stop()
        if self._wake is not None:
            self._wake.set()


def _set(loop: asyncio.AbstractEventLoop, hint: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(hint.set)
