"""The adapters that the settings choose: where files are kept, and who is told what."""

from __future__ import annotations

from dataclasses import dataclass

from tiro.events.base import EventHub
from tiro.events.embedded import EmbeddedEventHub
from tiro.limits.base import RateLimiter
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.queue.base import Queue
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts

_LIMITER_SECONDS = 0.25
"""Each request waits for its limits; rather than for longer, it goes by this process's own."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each port that a server has but once."""

    storage: LocalStorage
    parts: LocalParts
    queue: Queue
    hub: EventHub
    limiter: RateLimiter

    def close(self) -> None:
        self.queue.close()
        self.hub.disconnect()
        self.limiter.close()


def build_ports(settings: Settings) -> Ports:
    """Raises MissingExtra where a setting needs a package that is not installed."""
    storage = LocalStorage(settings.data, int(settings.storage.reserve))
    parts = LocalParts(settings.data, storage)
    if settings.broker.url is None:
        return Ports(storage, parts, EmbeddedQueue(), EmbeddedEventHub(), EmbeddedRateLimiter())
    from tiro.events.redis import RedisEventHub, redis_client
    from tiro.limits.redis import RedisRateLimiter
    from tiro.queue.celery import CeleryQueue

    url = settings.broker.url.get_secret_value()
    limits = redis_client(url, timeout=_LIMITER_SECONDS)
    return Ports(
        storage, parts, CeleryQueue(url), RedisEventHub(url), RedisRateLimiter(limits, EmbeddedRateLimiter())
    )
