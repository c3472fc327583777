"""The life of a job: queued, claimed under a lease, and ended once.

Every change by a worker carries the attempt number of its claim; a worker whose lease ran out and whose job
went on elsewhere changes nothing and gets ``LeaseLost``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.session import after_commit
from tiro.db.tables import JobTable
from tiro.db.tables.base import Json
from tiro.errors import AttemptsExhausted, Conflict, LeaseLost, NotFound, TiroError
from tiro.features.counters.service import CounterService
from tiro.features.defaults.service import defaults_of
from tiro.features.events.service import EventService
from tiro.features.jobs import repository, waiting
from tiro.features.jobs.fleet import Fleet
from tiro.features.jobs.room import Room
from tiro.features.jobs.states import FIRST_STAGE, JobQueue, JobState, Priority
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.queue.base import Queue
from tiro.speech.options import Defaults, TranscriptionOptions
from tiro.telemetry import metrics
from tiro.telemetry.origin import Origin, current

_LONGEST_PAUSE = 3600.0
"""Seconds. A server may ask to be left alone for days; nobody who waits for a transcript would think so."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job, until the lease runs out or another attempt begins."""

    job_id: str
    recording_id: str
    attempt: int
    options: TranscriptionOptions
    defaults: Defaults
    claimed_at: datetime
    busy_before: float
    origin: Origin
    """The request that asked for the job."""
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


@dataclass(frozen=True, slots=True)
class Load:
    """How many jobs of one queue and priority wait, and the age in seconds of the one that waits longest,
    from when it could run."""

    queue: JobQueue
    priority: Priority
    queued: int
    oldest: float


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
        counters: CounterService,
        queue: Queue,
        *,
        attempts: int,
        lease_seconds: float,
        room: int = 100_000,
        fleet: Fleet | None = None,
        route: Callable[[Session, str], JobQueue] = lambda _session, _engine: JobQueue.CPU,
    ) -> None:
        self._events = events
        self._counters = counters
        self._queue = queue
        self._attempts = attempts
        self._fleet = fleet or Fleet(alone=True)
        self._route = route
        self._room = Room(room)
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
            defaults=defaults_of(session, user_id).said(),
            attempt=0,
            tries_left=self._attempts,
            cancel_requested=False,
            position=0.0,
            busy_seconds=0.0,
            origin=current() or None,
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
            self._counters.add_ended(session, JobState.CANCELLED)
        return job

    def retry(self, session: Session, recording_id: str) -> JobTable:
        """Queue a new job like the last one, with its user's defaults as they are now.

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
        return Look(*waiting.look(session, queues, engines))

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
        self._events.extend(
            session,
            job.recording_id,
            [("state", {"status": JobState.RUNNING}), ("stage", {"stage": FIRST_STAGE})],
        )
        waited, lane = _age(job.queued_at, clock.now()), (job.queue, Priority.of_rank(job.priority))
        after_commit(session, lambda: metrics.JOB_WAIT_SECONDS.observe(waited, *lane))
        return Claim(
            job.id,
            job.recording_id,
            job.attempt,
            TranscriptionOptions.from_asked(job.options),
            Defaults.from_said(job.defaults),
            clock.now(),
            job.busy_seconds,
            job.origin or {},
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

    def describe(self, session: Session, claim: Claim, **values: Any) -> None:
        """Note what has become known of the job: ``stage``, ``media``, ``layout``, ``position``."""
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
            if self._requeue(session, claim, pause, {}):
                self._counters.add_failed_try(session, error.code)
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
        self._free(session, jobs)
        # At the end, when the rows of all these jobs are ours: whoever counts has those first.
        self._counters.add_freed(session, len(jobs))
        for job in jobs:
            if JobState(job.state).ended:
                self._counters.add_ended(session, job.state, (job.error or {}).get("code", ""))
        return len(jobs)

    def _free(self, session: Session, jobs: Sequence[JobTable]) -> None:
        for job in jobs:
            job.lease_until, job.owner = None, None
            if job.cancel_requested:
                self._set_ended(session, job, JobState.CANCELLED, None)
            elif job.tries_left > 0:
                job.state, job.queued_at = JobState.QUEUED, clock.now()
                self._announce(session, job, JobState.QUEUED)
            else:
                self._set_ended(session, job, JobState.FAILED, AttemptsExhausted())

    def resume_restored(self, session: Session) -> int:
        """Queue again what ran when a backup was made, without counting the try. Only while no worker can be
        alive. Returns how many there were."""
        jobs = repository.running(session)
        for job in jobs:
            job.tries_left += 1
        self._free(session, jobs)
        return len(jobs)

    def load(self, session: Session) -> list[Load]:
        """What waits, by queue and priority; those in which nothing does are there too."""
        found = waiting.load(session)
        now = clock.now()
        return [
            Load(queue, priority, count, _age(oldest, now))
            for queue in JobQueue
            for priority in Priority
            for count, oldest in [found.get((queue, priority.rank), (0, None))]
        ]

    def running(self, session: Session) -> dict[str, int]:
        """How many jobs run, by queue; those where none does are there too."""
        return dict.fromkeys(JobQueue, 0) | repository.running_by_queue(session)

    # --- inside -----------------------------------------------------------------------------------

    def _change(self, session: Session, claim: Claim, **values: Any) -> None:
        if not repository.change_claimed(session, claim.job_id, claim.attempt, **values):
            raise LeaseLost

    def _requeue(self, session: Session, claim: Claim, pause: float, more: dict[str, Any]) -> bool:
        """False where it was to be cancelled, and now is."""
        if self.cancel_requested(session, claim):
            self._end(session, claim, JobState.CANCELLED)
            return False
        ready = clock.now() + timedelta(seconds=pause)
        values = {"state": JobState.QUEUED, "queued_at": ready, "lease_until": None, "owner": None}
        until = moment.after(session, pause) if pause else None
        self._change(session, claim, busy_seconds=claim.busy_seconds, paused_until=until, **values, **more)
        self._events.append(session, claim.recording_id, "state", {"status": JobState.QUEUED})
        if not pause:
            after_commit(session, lambda: self._queue.wake(claim.queue))
        return True

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
        self._counters.add_ended(session, state, "" if error is None else error.code)

    def _set_ended(self, session: Session, job: JobTable, state: JobState, error: TiroError | None) -> None:
        job.state, job.stage, job.finished_at, job.error = state, None, clock.now(), _problem(error)
        self._announce(session, job, state)
        self._events.thin_out(session, job.recording_id)

    def _announce(self, session: Session, job: JobTable, state: JobState) -> None:
        self._events.append(session, job.recording_id, "state", {"status": state, "error": job.error})
        if state is JobState.QUEUED:
            queue = job.queue
            after_commit(session, lambda: self._queue.wake(queue))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _problem(error: TiroError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}
