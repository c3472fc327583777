"""Event hints between processes, through Redis. The library is loaded on first use."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from tiro.errors import MissingExtra
from tiro.kit.outbox import Outbox
from tiro.kit.signals import Signals

_log = structlog.get_logger(__name__)

_CHANNEL = "tiro:events"
_TIMEOUT_SECONDS = 1.0
_AGAIN_SECONDS = 1.0


def redis_client(url: str, *, timeout: float) -> Any:
    """Raises MissingExtra where the library is not installed."""
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as err:
        raise MissingExtra(
            "TIRO_BROKER_URL needs packages that are not installed: pip install 'tiro[cluster]'."
        ) from err
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


class RedisEventHub:
    """Tells this process's own listeners at once, and those of all others by one channel: a message has the
    ids of the recordings whose logs have grown since the last one. One thread sends and one listens, each
    from when there is a reason to."""

    def __init__(self, url: str) -> None:
        self._publisher = redis_client(url, timeout=_TIMEOUT_SECONDS)
        self._subscriber = redis_client(url, timeout=_TIMEOUT_SECONDS)
        self._signals = Signals()
        self._outbox = Outbox(self._send, _tell)
        self._guard = threading.Lock()
        self._listener: threading.Thread | None = None
        self._ended = threading.Event()
        self.closed = False

    def close(self) -> None:
        self.closed = True
        self._ended.set()
        self._signals.fire_all()

    def disconnect(self) -> None:
        """End the threads and the connections."""
        self._ended.set()
        self._outbox.close()
        if self._listener is not None:
            self._listener.join()
        self._publisher.close()
        self._subscriber.close()

    def broker(self) -> str | None:
        import redis

        try:
            return f"Redis {self._publisher.info('server')['redis_version']}"
        except (redis.RedisError, OSError) as error:
            raise ConnectionError("Redis does not answer.") from error

    def announce(self, recording_id: str) -> None:
        self._signals.fire(recording_id)
        self._outbox.put(recording_id)

    def listen(self, recording_id: str) -> AbstractAsyncContextManager[asyncio.Event]:
        with self._guard:
            if self._listener is None and not self._ended.is_set():
                self._listener = threading.Thread(target=self._hear, name="events", daemon=True)
                self._listener.start()
        return self._signals.listen(recording_id)

    def _send(self, names: dict[str, int]) -> None:
        self._publisher.publish(_CHANNEL, " ".join(names))

    def _hear(self) -> None:
        failed = False
        while not self._ended.is_set():
            try:
                with self._subscriber.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(_CHANNEL)
                    # What was said before we listened is made up for by a look at every log.
                    self._signals.fire_all()
                    while not self._ended.is_set():
                        message = channel.get_message(timeout=_TIMEOUT_SECONDS / 2)
                        if failed:
                            _log.info("events.heard_again")
                            failed = False
                        for name in (message or {"data": b""})["data"].decode().split():
                            self._signals.fire(name)
            except Exception as error:  # noqa: BLE001 (the edge of a connection: it is tried again)
                if not failed:
                    _log.warning("events.not_heard", error=str(error), detail="logs are looked at instead")
                failed = True
                self._ended.wait(_AGAIN_SECONDS)


def _tell(error: Exception | None) -> None:
    if error is None:
        _log.info("events.announced_again")
    else:
        _log.warning("events.not_announced", error=str(error))
