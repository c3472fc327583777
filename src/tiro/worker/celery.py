"""A Celery worker in a thread: its tasks are wake-ups, and hold one of its threads while there is work.

That it takes part at all is for speed and for those who watch Celery; a broker that is away costs a second at
most, for the runner looks by itself.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 2.0
_END_SECONDS = 5.0


class CeleryConsumer:
    """Takes wake-ups until it is stopped. One a process, for Celery keeps its state there.

    Args:
        app: Celery's application.
        task: the name of the only task.
        work: does jobs while there are any.
        queues: Celery's names of them.
        threads: as many tasks at once.
    """

    def __init__(
        self, app: Any, task: str, work: Callable[[], int], queues: Sequence[str], threads: int
    ) -> None:
        self._app = app
        self._queues = list(queues)
        self._threads = threads
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celery", daemon=True)

        @app.task(name=task, ignore_result=True)  # type: ignore[untyped-decorator]
        def wake() -> int:
            return work()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Call it once no task has work any more."""
        from celery.worker import state

        self._stopping.set()
        state.should_stop = 0
        self._thread.join(_END_SECONDS)
        if not self._thread.is_alive():
            state.should_stop = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._make().start()
            except SystemExit:
                pass  # Celery's way to end
            except Exception as error:  # noqa: BLE001 (the edge of a connection: it is tried again)
                _log.warning("broker.consumer_failed", error=str(error))
            self._stopping.wait(_AGAIN_SECONDS)

    def _make(self) -> Any:
        return self._app.WorkController(
            hostname=f"tiro-{os.getpid()}-{time.time_ns() % 10_000}@{socket.gethostname()}",
            pool="threads",
            concurrency=self._threads,
            queues=self._queues,
            prefetch_multiplier=1,
            task_events=True,
            without_gossip=True,
            without_mingle=True,
            loglevel="WARNING",
        )
