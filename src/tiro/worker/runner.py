"""Claims jobs, runs each in a thread, keeps their leases, and stops them when asked.

The event loop here only watches; inference is in child processes, and a job's thread mostly waits for them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import structlog

from tiro.db.session import Database
from tiro.errors import Cancelled, LeaseLost, TiroError
from tiro.features.jobs.service import Claim, JobService
from tiro.features.transcription.service import TranscriptionService
from tiro.kit import clock
from tiro.queue.base import Queue
from tiro.telemetry import metrics, origin, tracing

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_Outcome = Literal["completed", "failed", "cancelled", "handed_back", "lost"]

_POLL_SECONDS = 1.0
"""A lost wake-up costs no more than this."""

_HEARTBEAT_SECONDS = 0.5
_NICE = 10

_SWEEP_SECONDS = 5.0
"""How often expired leases are looked for, at least; short leases are looked for more often."""


@dataclass(slots=True)
class _Running:
    """A job at work. ``reason`` says why it was told to stop."""

    claim: Claim
    stop: threading.Event = field(default_factory=threading.Event)
    reason: Literal["cancel", "shutdown", "lease"] | None = None

    def halt(self, reason: Literal["cancel", "shutdown", "lease"]) -> None:
        self.reason = self.reason or reason
        self.stop.set()


class Runner:
    """Runs up to ``parallel`` jobs at once until it is stopped.

    Args:
        owner: names this worker in the rows it claims.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        transcription: TranscriptionService,
        queue: Queue,
        *,
        parallel: int,
        owner: str,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._transcription = transcription
        self._queue = queue
        self._parallel = parallel
        self._owner = owner
        self._running: dict[asyncio.Task[None], _Running] = {}
        self._stopping = False
        self._alive = False
        self._work = ThreadPoolExecutor(parallel, "job", initializer=_step_back)
        # Of its own, so that no crowd of requests or jobs can keep a lease from being renewed.
        self._rows = ThreadPoolExecutor(2, thread_name_prefix="lease")

    @property
    def alive(self) -> bool:
        """Whether it takes jobs."""
        return self._alive

    @property
    def busy(self) -> int:
        """How many jobs are at work."""
        return len(self._running)

    async def run(self) -> None:
        """Work until ``stop`` is called, then give back what is under way and return."""
        sweeper = asyncio.create_task(self._sweep_forever())
        self._alive = True
        try:
            async with self._queue.listen() as hint:
                while not self._stopping:
                    hint.clear()
                    await self._fill()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(hint.wait(), _POLL_SECONDS)
        finally:
            self._alive = False
            sweeper.cancel()
            for running in self._running.values():
                running.halt("shutdown")
            if self._running:
                await asyncio.wait(self._running)
            self._work.shutdown()
            self._rows.shutdown()

    def stop(self) -> None:
        """Take no more jobs; end those under way so that they go on after a restart. Call from the loop."""
        self._stopping = True
        self._queue.wake("")

    async def _fill(self) -> None:
        while not self._stopping and len(self._running) < self._parallel:
            try:
                claim = await self._in_rows(self._claim)
            except Exception as error:  # noqa: BLE001 (the edge of the worker: it looks again, whatever happened)
                _log.warning("jobs.not_claimed", error=str(error), exc_info=_unforeseen(error))
                return
            if claim is None:
                return
            running = _Running(claim)
            task = asyncio.create_task(self._carry_out(running))
            self._running[task] = running
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._queue.wake("")

    async def _carry_out(self, running: _Running) -> None:
        with _known(running.claim):
            heartbeat = asyncio.create_task(self._keep_lease(running))
            try:
                await asyncio.get_running_loop().run_in_executor(self._work, self._run_job, running)
            finally:
                heartbeat.cancel()

    def _run_job(self, running: _Running) -> None:
        claim, began = running.claim, time.monotonic()
        with _known(claim), metrics.WORKER_JOBS.held(), _spanned(claim) as span:
            try:
                self._transcription.run(claim, running.stop)
                outcome = "completed"
            except Exception as error:  # noqa: BLE001 (the edge of a job: whatever happens ends here, in its row)
                outcome = self._settle(running, error)
                if outcome == "failed":
                    span.fail(error.code if isinstance(error, TiroError) else type(error).__name__)
            span.set(outcome=outcome)
        if outcome == "lost":
            metrics.LEASES_LOST.add()
        metrics.JOB_SECONDS.observe(time.monotonic() - began, outcome)

    def _settle(self, running: _Running, error: Exception) -> _Outcome:
        """Bring the row in line with how the run ended."""
        claim = running.claim
        outcome: _Outcome
        try:
            with self._database.write() as session:
                if running.reason == "lease" or isinstance(error, LeaseLost):
                    raise LeaseLost
                if running.reason == "shutdown":
                    outcome = "handed_back"
                    self._jobs.hand_back(session, claim)
                elif running.reason == "cancel" or isinstance(error, Cancelled):
                    outcome = "cancelled"
                    self._jobs.cancel(session, claim)
                else:
                    outcome = "failed"
                    known = error if isinstance(error, TiroError) else TiroError()
                    _log.warning("job.failed", code=known.code, exc_info=_unforeseen(error))
                    self._jobs.fail(session, claim, known)
        except LeaseLost:
            _log.warning("job.lease_lost")
            return "lost"
        except Exception:  # noqa: BLE001 (the edge of a job)
            # The row keeps its lease; when that runs out, the sweeper gives the job to whoever can do it.
            _log.exception("job.not_settled")
            return "lost"
        return outcome

    async def _keep_lease(self, running: _Running) -> None:
        """Renew the lease and look for a wish to cancel, outside the thread that may be deep in its work."""
        # By the time of day, which the lease is in: a machine that slept renews as soon as it is awake.
        renewed = clock.now()
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            try:
                age = (clock.now() - renewed).total_seconds()
                renew = not 0 <= age < self._jobs.lease_seconds / 3
                renewed = clock.now() if renew else renewed
                if await self._in_rows(lambda renew=renew: self._beat(running.claim, renew)):  # type: ignore[misc]
                    running.halt("cancel")
            except LeaseLost:
                running.halt("lease")
                return
            except TiroError as error:
                _log.warning("job.heartbeat_failed", code=error.code)

    def _beat(self, claim: Claim, renew: bool) -> bool:
        if renew:
            with self._database.write() as session:
                return self._jobs.renew(session, claim)
        with self._database.read() as session:
            return self._jobs.cancel_requested(session, claim)

    def _claim(self) -> Claim | None:
        with self._database.write() as session:
            return self._jobs.claim(session, self._owner)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_SECONDS, self._jobs.lease_seconds))
            try:
                if freed := await self._in_rows(self._sweep):
                    _log.warning("jobs.freed", count=freed)
            except Exception as error:  # noqa: BLE001 (the edge of the worker: it looks again, whatever happened)
                _log.warning("jobs.not_swept", error=str(error), exc_info=_unforeseen(error))

    def _sweep(self) -> int:
        own = {running.claim.job_id for running in list(self._running.values())}
        with self._database.write() as session:
            return self._jobs.sweep(session, sparing=own)

    async def _in_rows(self, action: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._rows, action)


def _known(claim: Claim) -> AbstractContextManager[None]:
    """Names the job, and the request that asked for it, in the log lines of the block."""
    return origin.continued(
        claim.origin, job_id=claim.job_id, recording_id=claim.recording_id, attempt=claim.attempt
    )


def _spanned(claim: Claim) -> AbstractContextManager[tracing.Span]:
    return tracing.span(
        "job",
        kind=tracing.SpanKind.CONSUMER,
        parent=origin.parent(claim.origin),
        job_id=claim.job_id,
        recording_id=claim.recording_id,
        attempt=claim.attempt,
    )


def _step_back() -> None:
    """Let requests go before jobs where both want the processor; what a job starts inherits this."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _unforeseen(error: Exception) -> Exception | None:
    """The error, if its traceback tells more than its code does."""
    return None if isinstance(error, TiroError) else error
