"""The adapters that the settings choose: where files are kept, and who is told what."""

from __future__ import annotations

from dataclasses import dataclass

from tiro.errors import StorageUnavailable
from tiro.events.embedded import EmbeddedEventHub
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings
from tiro.storage.base import PartStorage, RecordingStorage
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each port that a server has but once."""

    storage: RecordingStorage
    parts: PartStorage
    queue: EmbeddedQueue
    hub: EmbeddedEventHub
    limiter: EmbeddedRateLimiter


def build_ports(settings: Settings) -> Ports:
    storage, parts = build_storage(settings)
    return Ports(
        storage=storage,
        parts=parts,
        queue=EmbeddedQueue(),
        hub=EmbeddedEventHub(),
        limiter=EmbeddedRateLimiter(),
    )


def is_alone(settings: Settings) -> bool:
    """Whether rows and files are this machine's own, so that who holds the data folder is the only one at
    work on them."""
    return not is_shared(settings) and settings.storage.bucket is None


def is_shared(settings: Settings) -> bool:
    """Whether other servers may work with the same rows from other machines."""
    return settings.database.url is not None and not settings.database.url.startswith("sqlite")


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
