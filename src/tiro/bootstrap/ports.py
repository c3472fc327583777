"""The adapters that the settings choose: where files are kept, and who is told what."""

from __future__ import annotations

from dataclasses import dataclass

from tiro.events.embedded import EmbeddedEventHub
from tiro.limits.embedded import EmbeddedRateLimiter
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each port that a server has but once."""

    storage: LocalStorage
    parts: LocalParts
    queue: EmbeddedQueue
    hub: EmbeddedEventHub
    limiter: EmbeddedRateLimiter


def build_ports(settings: Settings) -> Ports:
    storage = LocalStorage(settings.data, int(settings.storage.reserve))
    return Ports(
        storage=storage,
        parts=LocalParts(settings.data, storage),
        queue=EmbeddedQueue(),
        hub=EmbeddedEventHub(),
        limiter=EmbeddedRateLimiter(),
    )
