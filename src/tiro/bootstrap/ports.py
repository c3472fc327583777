"""The adapters that the settings choose: where files are kept, and who is told what."""

from __future__ import annotations

from dataclasses import dataclass

from tiro.errors import StorageUnavailable
from tiro.events.base import EventHub
from tiro.events.embedded import EmbeddedEventHub
from tiro.limits.base import RateLimiter
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.queue.base import Queue
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings
from tiro.storage.base import PartStorage, RecordingStorage
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts

_LIMITER_SECONDS = 0.25
"""Each request waits for its limits; rather than for longer, it goes by this process's own."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each port that a server has but once."""

    storage: RecordingStorage
    parts: PartStorage
    queue: Queue
    hub: EventHub
    limiter: RateLimiter

    def close(self) -> None:
        self.queue.close()
        self.hub.disconnect()
        self.limiter.close()
        self.storage.close()


def build_ports(settings: Settings) -> Ports:
    """Raises:
    MissingExtra: a setting needs a package that is not installed.
    StorageUnavailable: the store of recordings cannot be used as it is named.
    """
    storage, parts = build_storage(settings)
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


def is_alone(settings: Settings) -> bool:
    """Whether rows and files are this machine's own, so that who holds the data folder is the only one at
    work on them."""
    return not is_shared(settings) and settings.storage.bucket is None


def is_shared(settings: Settings) -> bool:
    """Whether other servers may work with the same rows from other machines."""
    rows = settings.database.url is not None and not settings.database.url.startswith("sqlite")
    return rows or settings.broker.url is not None


def build_storage(settings: Settings) -> tuple[RecordingStorage, PartStorage]:
    """Where recordings are kept, and unfinished uploads. The caller closes the first.

    Raises:
        MissingExtra, StorageUnavailable
    """
    said = settings.storage
    if said.bucket is None:
        folder = said.folder or settings.data
        try:
            storage = LocalStorage(folder, int(said.reserve))
        except OSError as err:
            raise StorageUnavailable(f"{folder} cannot be used for recordings: {err.strerror}.") from err
        return storage, LocalParts(folder, storage)
    from tiro.storage.bucket import Access, Bucket
    from tiro.storage.objects import ObjectStorage
    from tiro.storage.pieces import ObjectParts

    access = Access(
        endpoint=said.endpoint,
        region=said.region,
        access_key=said.access_key,
        secret_key=said.secret_key.get_secret_value() if said.secret_key else None,
        timeout=said.timeout_seconds,
    )
    bucket = Bucket(said.bucket, access)
    return ObjectStorage(bucket), ObjectParts(bucket)
