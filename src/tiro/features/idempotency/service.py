"""Do once what is asked for many times, and answer as the first time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from tiro.db.session import Database
from tiro.errors import IdempotencyMismatch, RequestUnderWay, TiroError
from tiro.features.idempotency import repository
from tiro.features.idempotency.sealing import Sealer
from tiro.http.idempotency import Answer
from tiro.kit import clock
from tiro.kit.ids import uuid7

_log = structlog.get_logger(__name__)
_BATCH = 1000


class IdempotencyService:
    """Requests by their Idempotency-Key. The coroutines belong to one event loop.

    Args:
        secret: the server's.
        keep: how long an answer is given again.
        lease_seconds: how long after its server died a request can be made anew.
        wait_seconds: how long a twin waits for the request that is under way.
    """

    def __init__(
        self,
        database: Database,
        secret: bytes,
        *,
        keep: timedelta = timedelta(hours=24),
        lease_seconds: float = 30.0,
        wait_seconds: float = 10.0,
    ) -> None:
        self._database = database
        self._secret = secret
        self._keep = keep
        self._lease = timedelta(seconds=lease_seconds)
        self._wait_seconds = wait_seconds
        self._under_way: dict[str, asyncio.Event] = {}

    async def begin(self, user_id: str, token: str, request: bytes) -> Attempt | Answer:
        """The turn to do it, which must be ended; or what was answered when it was done.

        Args:
            request: what makes it this request and no other.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            RequestUnderWay: that one has not ended in time.
        """
        sealer = Sealer(self._secret, user_id, token)
        try:
            async with asyncio.timeout(self._wait_seconds):
                # Twins wait here, where they cost neither a thread nor a connection.
                while (over := self._under_way.get(sealer.row_id)) is not None:
                    await over.wait()
        except TimeoutError as err:
            raise RequestUnderWay(retry_after=1) from err
        attempt = Attempt(self, sealer, user_id)
        self._under_way[sealer.row_id] = attempt.over
        try:
            answer = await asyncio.to_thread(self._claim, attempt, request)
        except BaseException:
            self._leave(attempt)
            raise
        if answer is not None:
            self._leave(attempt)
            return answer
        attempt.renewing = asyncio.create_task(self._renew(attempt))
        return attempt

    async def end(self, attempt: Attempt, answer: Answer | None) -> None:
        """Keep the answer; with None, let the next one try. What cannot be written down ends with the
        lease."""
        try:
            await asyncio.to_thread(self._end, attempt, answer)
        except TiroError as error:
            _log.warning("idempotency.not_kept", detail=error.message)
        finally:
            self.abandon(attempt)

    def abandon(self, attempt: Attempt) -> None:
        """Say nothing of how it ended: what was done may be done again once the lease is over."""
        if attempt.renewing is not None:
            attempt.renewing.cancel()
        self._leave(attempt)

    def sweep(self) -> bool:
        """Remove a batch of what is no longer kept; True where there may be more."""
        # Shared: one DELETE, that sees each row as it is.
        with self._database.write(shared=True) as session:
            return repository.prune(session, clock.now(), _BATCH) >= _BATCH

    def _claim(self, attempt: Attempt, request: bytes) -> Answer | None:
        """None where it is this attempt's turn."""
        sealer, now = attempt.sealer, clock.now()
        fingerprint = sealer.fingerprint(request)
        with self._database.read() as session:
            row = repository.alive(session, sealer.row_id, now)
        if row is None:
            # Shared: one INSERT … ON CONFLICT, at which the second of two waits and sees its row.
            with self._database.write(shared=True) as session:
                if repository.claim(
                    session,
                    now,
                    id=sealer.row_id,
                    user_id=attempt.user_id,
                    attempt=attempt.id,
                    fingerprint=fingerprint,
                    until=now + self._lease,
                ):
                    return None
                row = repository.alive(session, sealer.row_id, now)
        if row is None:  # another has just let go of it
            raise RequestUnderWay(retry_after=1)
        if row.fingerprint != fingerprint:
            raise IdempotencyMismatch
        if row.answer is None:
            raise RequestUnderWay(retry_after=_seconds(row.until - now))
        return sealer.open(row.answer)

    def _end(self, attempt: Attempt, answer: Answer | None) -> None:
        row_id = attempt.sealer.row_id
        # Shared, as `_lengthen` is: one statement, fenced by the attempt.
        with self._database.write(shared=True) as session:
            if answer is None:
                repository.remove(session, row_id, attempt.id)
            else:
                sealed, until = attempt.sealer.seal(answer), clock.now() + self._keep
                repository.keep(session, row_id, attempt.id, sealed, until)

    async def _renew(self, attempt: Attempt) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await asyncio.to_thread(self._lengthen, attempt, clock.now() + self._lease)
            except TiroError as error:
                _log.warning("idempotency.not_renewed", detail=error.message)

    def _lengthen(self, attempt: Attempt, until: datetime) -> None:
        with self._database.write(shared=True) as session:
            repository.lengthen(session, attempt.sealer.row_id, attempt.id, until)

    def _leave(self, attempt: Attempt) -> None:
        if self._under_way.get(attempt.sealer.row_id) is attempt.over:
            del self._under_way[attempt.sealer.row_id]
        attempt.over.set()


class Attempt:
    """The turn to do what was asked for. Whoever has it calls ``end`` or ``abandon``, once."""

    def __init__(self, service: IdempotencyService, sealer: Sealer, user_id: str) -> None:
        self.id = str(uuid7())
        self.sealer = sealer
        self.user_id = user_id
        self.over = asyncio.Event()
        self.renewing: asyncio.Task[None] | None = None
        self._service = service

    async def end(self, answer: Answer | None) -> None:
        await self._service.end(self, answer)

    def abandon(self) -> None:
        self._service.abandon(self)


def _seconds(left: timedelta) -> float:
    return max(1.0, left.total_seconds())
