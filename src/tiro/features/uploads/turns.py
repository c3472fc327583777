"""One request at a time works on an upload, and the newest goes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tiro.errors import UploadBusy
from tiro.features.uploads.claims import Claims

_PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class _Place:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0
    give_way: Callable[[], None] | None = None


class Turns:
    """A sender whose connection broke comes back while the server may still wait for bytes on the old one. So
    whoever has the turn is asked to give way when another comes. All calls are from one event loop.

    Args:
        claims: where other servers take uploads in too.
    """

    def __init__(self, claims: Claims | None = None) -> None:
        self._claims = claims
        self._places: dict[str, _Place] = {}

    def idle(self, upload_id: str) -> bool:
        return upload_id not in self._places

    @asynccontextmanager
    async def take(
        self, upload_id: str, give_way: Callable[[], None] = lambda: None, *, patient: bool = True
    ) -> AsyncIterator[None]:
        """Have the upload to oneself for as long as the block lasts.

        Args:
            give_way: called when another waits; what is well under way may be finished first.
            patient: whether to wait for another server, and to ask it to give way.

        Raises:
            UploadBusy: the one before did not give way in time.
        """
        place = self._places.setdefault(upload_id, _Place())
        place.requests += 1
        try:
            if place.give_way is not None:
                place.give_way()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await place.lock.acquire()
            except TimeoutError as err:
                raise UploadBusy(retry_after=2) from err
            try:
                if place.requests > 1:
                    give_way()
                place.give_way = give_way
                if self._claims is None:
                    yield
                else:
                    patience = _PATIENCE_SECONDS if patient else 0.0
                    async with self._claims.hold(upload_id, give_way, patience):
                        yield
            finally:
                place.give_way = None
                place.lock.release()
        finally:
            place.requests -= 1
            if not place.requests:
                del self._places[upload_id]
