"""One server at a time works on an upload, where several share the database."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from tiro.db.session import Database
from tiro.errors import TiroError, UploadBusy
from tiro.features.uploads import repository
from tiro.kit.signals import within

_log = structlog.get_logger(__name__)
_LEASE_SECONDS = 20.0
_RENEW_SECONDS = 5.0
_LOOK_SECONDS = 0.5


class Claims:
    """An upload's row says who works on it, until when, and whether another waits: then the one at work gives
    way. A server that stalls loses its claim with time; what it still writes after that can do no harm, for
    parts are never written over, and finishing is fenced by the row."""

    def __init__(self, database: Database, lease_seconds: float = _LEASE_SECONDS) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    @asynccontextmanager
    async def hold(
        self, upload_id: str, give_way: Callable[[], None], patience: float
    ) -> AsyncIterator[None]:
        """Have the upload for as long as the block lasts. One that no row tells of is free to all.

        Args:
            give_way: called in the event loop, when another waits or has taken the upload over.
            patience: how long to wait for another, in seconds; with 0 it is not even asked to give way.

        Raises:
            UploadBusy: the other did not give way in time.
        """
        holder = uuid.uuid4().hex
        await self._take(upload_id, holder, patience)
        over = asyncio.Event()
        keeping = asyncio.create_task(self._keep(upload_id, holder, give_way, over))
        try:
            yield
        finally:
            # Also for who is cancelled: a thread may still be at work on the database.
            over.set()
            await asyncio.shield(keeping)

    async def _take(self, upload_id: str, holder: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while not await asyncio.to_thread(self._try, upload_id, holder, ask=patience > 0):
            if time.monotonic() >= deadline:
                raise UploadBusy(retry_after=2)
            await asyncio.sleep(_LOOK_SECONDS / 2)

    def _try(self, upload_id: str, holder: str, *, ask: bool) -> bool:
        # Shared: one statement on one row decides, whoever else writes.
        with self._database.write(shared=True) as session:
            if repository.claim(session, upload_id, holder, self._lease_seconds):
                return True
            return not (repository.want(session, upload_id) if ask else repository.exists(session, upload_id))

    async def _keep(
        self, upload_id: str, holder: str, give_way: Callable[[], None], over: asyncio.Event
    ) -> None:
        """Renew the claim until it is ``over``, and let go of it."""
        renewed = time.monotonic()
        while not await within(over, _LOOK_SECONDS):
            try:
                due = time.monotonic() - renewed > _RENEW_SECONDS
                alone = await asyncio.to_thread(self._look, upload_id, holder, renew=due)
            except TiroError as error:
                _log.info("upload.claim_not_renewed", upload_id=upload_id, code=error.code)
                continue
            if due:
                renewed = time.monotonic()
            if not alone:
                give_way()
        await asyncio.to_thread(self._release, upload_id, holder)

    def _look(self, upload_id: str, holder: str, *, renew: bool) -> bool:
        """Whether the upload is still ours, and nobody else's wish."""
        if renew:
            with self._database.write(shared=True) as session:  # one row, and only while it is ours
                repository.renew(session, upload_id, holder, self._lease_seconds)
        with self._database.read() as session:
            return repository.is_held(session, upload_id, holder)

    def _release(self, upload_id: str, holder: str) -> None:
        try:
            with self._database.write(shared=True) as session:  # one row, and only while it is ours
                repository.release(session, upload_id, holder)
        except TiroError as error:
            # It ends by itself.
            _log.info("upload.claim_not_released", upload_id=upload_id, code=error.code)
