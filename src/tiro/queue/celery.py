"""Wake-ups through Celery, on Redis. The library is loaded on first use."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from tiro.errors import MissingExtra
from tiro.kit.outbox import Outbox
from tiro.kit.signals import Signals

_log = structlog.get_logger(__name__)

TASK = "tiro.work"
"""The one task that there is: look for jobs, and do them."""

_EXPIRES_SECONDS = 60
"""A wake-up that nobody has taken by then was made up for long ago."""

_LOST_SECONDS = 10
"""After which Celery sends a wake-up again that nobody has acknowledged. Jobs take longer, and do not care: a
wake-up is acknowledged before its job begins."""

_MOST_AT_ONCE = 64
"""Wake-ups of one queue beyond these would only find the same workers awake."""

_TIMEOUT_SECONDS = 1.0


def celery_queue(name: str) -> str:
    """What Celery calls one of our queues."""
    return f"tiro.{name}"


def make_app(url: str, *, patient: bool) -> Any:
    """The Celery application of a broker.

    Args:
        patient: for a worker, which waits for messages; else for a sender, which waits for nothing.

    Raises:
        MissingExtra: Celery is not installed.
    """
    try:
        from celery import Celery
    except ImportError as err:
        raise MissingExtra(
            "TIRO_BROKER_URL needs packages that are not installed: pip install 'tiro[cluster]'."
        ) from err
    app = Celery("tiro", broker=url, set_as_current=False)
    short = {"socket_timeout": _TIMEOUT_SECONDS, "retry_on_timeout": False, "max_retries": 0}
    app.conf.update(
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_create_missing_queues=True,
        # Taken is done: what becomes of a job says its row, and a dead worker's jobs are freed there.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=True,
        task_publish_retry=False,
        broker_connection_timeout=_TIMEOUT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_connect_timeout": _TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "visibility_timeout": _LOST_SECONDS,
            **({} if patient else short),
        },
    )
    return app


class CeleryQueue:
    """Sends a task for each wake-up, to whoever takes from that queue, and tells this process's own listeners
    at once."""

    def __init__(self, url: str) -> None:
        self._app = make_app(url, patient=False)
        self._signals = Signals()
        self._outbox = Outbox(self._send, _tell, most=_MOST_AT_ONCE)

    def wake(self, name: str) -> None:
        self._signals.fire("jobs")
        self._outbox.put(name)

    def listen(self) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._signals.listen("jobs")

    def close(self) -> None:
        self._outbox.close()
        self._app.close()

    def _send(self, names: dict[str, int]) -> None:
        with self._app.producer_or_acquire() as producer:
            for name, count in names.items():
                for _ in range(count):
                    self._app.send_task(
                        TASK,
                        queue=celery_queue(name),
                        expires=_EXPIRES_SECONDS,
                        producer=producer,
                        retry=False,
                    )


def _tell(error: Exception | None) -> None:
    if error is None:
        _log.info("broker.back")
    else:
        _log.warning("broker.away", error=str(error), detail="workers look for jobs by themselves meanwhile")
