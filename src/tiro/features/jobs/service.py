"""The life of a job: queued, claimed under a lease, and ended once.

Every change by a worker carries the attempt number of its claim; a worker whose lease ran out and whose job
went on elsewhere changes nothing and gets ``LeaseLost``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.session import after_commit
from tiro.db.tables import JobTable
from tiro.db.tables.base import Json
from tiro.errors import AttemptsExhausted, Conflict, LeaseLost, NotFound, QueueFull, TiroError
from tiro.features.events.service import EventService
from tiro.features.jobs import repository, waiting
from tiro.features.jobs.fleet import Fleet
from tiro.features.jobs.states import JobQueue, JobState, Priority
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.queue.base import Queue
from tiro.speech.options import TranscriptionOptions

_COUNT_SECONDS = 1.0
_FULL_SECONDS = 30.0
"""After which somebody who found the queue full may ask again."""

_LONGEST_PAUSE = 3600.0
"""Seconds. A server may ask to be left alone for days; nobody who waits for a transcript would think so."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job, until the lease runs out or another attempt begins."""

    job_id: str
    recording_id: str
    attempt: int
    options: TranscriptionOptions
    claimed_at: datetime
    busy_before: float
    queue: str = "cpu"

    @property
    def busy_seconds(self) -> float:
        """Time spent on the job, this attempt and those before it that ended in order."""
        return self.busy_before + (clock.now() - self.claimed_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Look:
    """Queues in which there is something to do, in the order of service, and whether a pause is over."""

    queues: Sequence[str]
    pause_over: bool


class JobService:
    """Jobs. All methods take the caller's session and belong to its transaction.

    Args:
        room: how many may wait.
        fleet: the workers; by default there is but one, which can do whatever can be done.
        route: the queue of a job for an engine.
    """

    def __init__(
        self,
        events: EventService,
        queue: Queue,
        *,
        attempts: int,
        lease_seconds: float,
        room: int = 100_000,
        fleet: Fleet | None = None,
        route: Callable[[Session, str], JobQueue] = lambda _session, _engine: JobQueue.CPU,
    ) -> None:
        self._events = events
        self._queue = queue
        self._attempts = attempts
        self._fleet = fleet or Fleet(alone=True)
        self._route = route
        self._room = _Room(room)
        self.lease_seconds = lease_seconds

    # --- by the caller ----------------------------------------------------------------------------

    def enqueue(
        self,
        session: Session,
        recording_id: str,
        user_id: str,
        options: TranscriptionOptions,
        priority: Priority = Priority.NORMAL,
    ) -> JobTable:
        """Raises QueueFull."""
        self._room.require(session)
        now = clock.now()
        queue, engine = self._route(session, options.engine), options.engine_name
        job = JobTable(
            id=str(uuid7()),
            recording_id=recording_id,
            user_id=user_id,
            latest=True,
            state=JobState.QUEUED,
            queue=queue,
            engine=engine,
            priority=priority.rank,
            # Whoever enqueues writes alone, so that two jobs of one user never get one turn.
            turn=waiting.turn(session, user_id, queue, priority.rank),
            options=options.asked(),
            attempt=0,
            tries_left=self._attempts,
            cancel_requested=False,
            position=0.0,
            busy_seconds=0.0,
            created_at=now,
            queued_at=now,
        )
        repository.add(session, job)
        self._announce(session, job, JobState.QUEUED)
        after_commit(session, self._room.one_more)
        return job

    def require_room(self, session: Session) -> None:
        """Look, before a body is read, whether one more job may wait. Raises QueueFull."""
        self._room.require(session)

    def latest(self, session: Session, recording_id: str) -> JobTable:
        job = repository.latest(session, recording_id)
        if job is None:
            raise NotFound
        return job

    def state(self, session: Session, recording_id: str) -> JobState:
        """The state alone, for those who look often."""
        state = repository.state(session, recording_id)
        if state is None:
            raise NotFound
        return JobState(state)

    def waiting_for(self, session: Session, job: JobTable) -> str | None:
        """What a waiting job lacks, where no worker that is alive can do it."""
        return self._fleet.waiting_for(session, job)

    def request_cancel(self, session: Session, recording_id: str) -> JobTable:
        """Cancel a waiting job at once; ask the worker of a running one to stop.

        Raises:
            Conflict: the job has ended already.
        """
        # Held, for workers claim and end jobs beside everybody who writes.
        job = repository.latest(session, recording_id, lock=True)
        if job is None:
            raise NotFound
        if JobState(job.state).ended:
            raise Conflict(f"The job is {job.state} already; there is nothing to cancel.")
        job.cancel_requested = True
        if job.state == JobState.QUEUED:
            job.state, job.finished_at = JobState.CANCELLED, clock.now()
            self._announce(session, job, JobState.CANCELLED)
        return job

    def retry(self, session: Session, recording_id: str) -> JobTable:
        """Queue a new job like the last one.

        Raises:
            Conflict: the last one has not ended yet.
        """
        last = self.latest(session, recording_id)
        if not JobState(last.state).ended:
            raise Conflict(f"The job is {last.state}; cancel it first, or wait for its end.")
        return self.enqueue(
            session,
            recording_id,
            last.user_id,
            TranscriptionOptions.from_asked(last.options),
            Priority.of_rank(last.priority),
        )

    # --- by the worker ----------------------------------------------------------------------------

    # All of these may run beside other writers (`write(shared=True)`): each is one conditional change of the
    # job's row, or begins with one, and holds that row to its end.

    def look(self, session: Session, queues: tuple[str, ...], engines: tuple[str, ...] | None) -> Look:
        """What a worker with these queues and engines could do now. Reads only, so that who finds nothing has
        kept nobody waiting."""
        return Look(waiting.heads(session, queues, engines), waiting.pause_over(session))

    def end_pauses(self, session: Session) -> None:
        """Let jobs wait again that have paused for long enough."""
        waiting.end_pauses(session)

    def claim(
        self, session: Session, owner: str, queue: str = "cpu", engines: tuple[str, ...] | None = None
    ) -> Claim | None:
        """Take the job whose turn it is.

        Args:
            engines: those that the worker has; None for whichever.
        """
        job = waiting.claim(session, queue, engines, owner, self.lease_seconds)
        if job is None:
            return None
        self._events.append(session, job.recording_id, "state", {"status": JobState.RUNNING})
        return Claim(
            job.id,
            job.recording_id,
            job.attempt,
            TranscriptionOptions.from_asked(job.options),
            clock.now(),
            job.busy_seconds,
            job.queue,
        )

    def renew(self, session: Session, claim: Claim) -> None:
        """Prolong the lease."""
        self._change(session, claim, lease_until=moment.after(session, self.lease_seconds))

    def unwanted(self, session: Session, claims: Sequence[Claim]) -> set[str]:
        """The ids of those jobs that are to be cancelled, or are gone."""
        ids = [claim.job_id for claim in claims]
        wishes = repository.wishes(session, ids)
        return {job_id for job_id in ids if wishes.get(job_id, True)}

    def cancel_requested(self, session: Session, claim: Claim) -> bool:
        job = repository.locked(session, claim.job_id)
        return job is None or job.cancel_requested

    def enter_stage(self, session: Session, claim: Claim, stage: str) -> None:
        self._change(session, claim, stage=stage)
        self._events.append(session, claim.recording_id, "stage", {"stage": stage})

    def describe(self, session: Session, claim: Claim, **values: Any) -> None:
        """Note what has become known of the job: ``media``, ``layout``, ``position``."""
        self._change(session, claim, **values)

    def record_window(self, session: Session, claim: Claim, index: int, result: Json) -> None:
        """Keep a window's result, so that a restarted job goes on after it. Fence it with ``describe``."""
        repository.record_window(session, claim.job_id, index, claim.attempt, result)

    def plan(self, session: Session, claim: Claim) -> Json | None:
        """The plan that the recorded windows went by."""
        job = session.get(JobTable, claim.job_id)
        return None if job is None else job.plan

    def forget_windows(self, session: Session, claim: Claim) -> None:
        """Drop what earlier attempts recorded. Fence it with ``describe``."""
        repository.forget_windows(session, claim.job_id)

    def windows(self, session: Session, claim: Claim) -> list[tuple[int, Json]]:
        """The windows that earlier attempts recorded, in order."""
        return [(row.index, row.result) for row in repository.windows(session, claim.job_id)]

    def complete(self, session: Session, claim: Claim) -> None:
        self._end(session, claim, JobState.COMPLETED)
        repository.forget_windows(session, claim.job_id)

    def cancel(self, session: Session, claim: Claim) -> None:
        self._end(session, claim, JobState.CANCELLED)

    def fail(self, session: Session, claim: Claim, error: TiroError) -> None:
        """End the job; or queue it again after a pause, where another try may help and one is left; or cancel
        it, where that was asked for meanwhile."""
        job = session.get(JobTable, claim.job_id)
        if error.transient and job is not None and job.tries_left > 0:
            pause = 4.0 ** (self._attempts - job.tries_left - 1)
            if error.retry_after is not None:
                pause = max(pause, min(error.retry_after, _LONGEST_PAUSE))
            self._requeue(session, claim, pause, {})
        else:
            self._end(session, claim, JobState.FAILED, error)

    def hand_back(self, session: Session, claim: Claim) -> None:
        """Queue the job again (or cancel it, where that was asked for) without counting the try: the worker
        stops for reasons of its own."""
        self._requeue(session, claim, 0.0, {"tries_left": JobTable.tries_left + 1})

    # --- by the house -----------------------------------------------------------------------------

    def sweep(
        self, session: Session, *, everything: bool = False, sparing: Collection[str] = frozenset()
    ) -> int:
        """Free the jobs of dead workers: those with an expired lease, or, where no other worker can be alive
        (``everything``), all that run. Returns how many.

        ``sparing`` are the ids of the caller's own jobs: a machine that slept finds their leases expired, but
        whoever works on them is awake again.
        """
        found = repository.running(session) if everything else repository.expired(session)
        jobs = [job for job in found if job.id not in sparing]
        for job in jobs:
            job.lease_until, job.owner = None, None
            if job.cancel_requested:
                self._set_ended(session, job, JobState.CANCELLED, None)
            elif job.tries_left > 0:
                job.state, job.queued_at = JobState.QUEUED, clock.now()
                self._announce(session, job, JobState.QUEUED)
            else:
                self._set_ended(session, job, JobState.FAILED, AttemptsExhausted())
        return len(jobs)

    def resume_restored(self, session: Session) -> int:
        """Queue again what ran when a backup was made, without counting the try. Only while no worker can be
        alive. Returns how many there were."""
        for job in repository.running(session):
            job.tries_left += 1
        return self.sweep(session, everything=True)

    def counts(self, session: Session) -> dict[str, int]:
        """How many recordings are in each state."""
        return repository.counts(session)

    def oldest_queued(self, session: Session) -> datetime | None:
        """Since when the job that waits longest has waited."""
        return waiting.oldest(session)

    # --- inside -----------------------------------------------------------------------------------

    def _change(self, session: Session, claim: Claim, **values: Any) -> None:
        if not repository.change_claimed(session, claim.job_id, claim.attempt, **values):
            raise LeaseLost

    def _requeue(self, session: Session, claim: Claim, pause: float, more: dict[str, Any]) -> None:
        if self.cancel_requested(session, claim):
            self._end(session, claim, JobState.CANCELLED)
            return
        ready = clock.now() + timedelta(seconds=pause)
        values = {"state": JobState.QUEUED, "queued_at": ready, "lease_until": None, "owner": None}
        until = moment.after(session, pause) if pause else None
        self._change(session, claim, busy_seconds=claim.busy_seconds, paused_until=until, **values, **more)
        self._events.append(session, claim.recording_id, "state", {"status": JobState.QUEUED})
        if not pause:
            after_commit(session, lambda: self._queue.wake(claim.queue))

    def _end(self, session: Session, claim: Claim, state: JobState, error: TiroError | None = None) -> None:
        problem = _problem(error)
        self._change(
            session,
            claim,
            state=state,
            stage=None,
            error=problem,
            lease_until=None,
            owner=None,
            finished_at=clock.now(),
            busy_seconds=claim.busy_seconds,
        )
        self._events.append(session, claim.recording_id, "state", {"status": state, "error": problem})
        self._events.thin_out(session, claim.recording_id)

    def _set_ended(self, session: Session, job: JobTable, state: JobState, error: TiroError | None) -> None:
        job.state, job.stage, job.finished_at, job.error = state, None, clock.now(), _problem(error)
        self._announce(session, job, state)
        self._events.thin_out(session, job.recording_id)

    def _announce(self, session: Session, job: JobTable, state: JobState) -> None:
        self._events.append(session, job.recording_id, "state", {"status": state, "error": job.error})
        if state is JobState.QUEUED:
            queue = job.queue
            after_commit(session, lambda: self._queue.wake(queue))


def _problem(error: TiroError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}


class _Room:
    """How many jobs may wait. Counted once a second, for counting takes longer the more there are; whoever
    enqueues in the same second is counted here."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._counted_at = -math.inf

    def require(self, session: Session) -> None:
        if time.monotonic() - self._counted_at > _COUNT_SECONDS:
            self._count = waiting.count(session, self._limit)
            self._counted_at = time.monotonic()
        if self._count >= self._limit:
            raise QueueFull(
                f"{self._limit:,} jobs wait already, and no more are taken. Send it again later.",
                retry_after=_FULL_SECONDS,
            )

    def one_more(self) -> None:
        self._count += 1
