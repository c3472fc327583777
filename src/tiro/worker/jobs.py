"""Take one job and carry it out under a lease that is kept: the same for every kind of worker.

``work`` is called from as many threads as like; no more jobs than there are slots are at work at once. Two
threads run beside the jobs, from ``begin`` to ``end``: one keeps all leases and looks for cancelled jobs, one
frees the jobs of dead workers.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import structlog

from tiro.db.session import Database
from tiro.errors import Cancelled, LeaseLost, TiroError
from tiro.features.jobs.fleet import BEAT_SECONDS, Fleet, Worker
from tiro.features.jobs.service import Claim, JobService
from tiro.features.transcription.service import TranscriptionService
from tiro.kit import clock
from tiro.worker.watching import Outcome, watched

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.5
_NICE = 10


@dataclass(slots=True, eq=False)
class _Running:
    """A job at work. ``reason`` says why it was told to stop; ``renewed`` is by the time of day, which the
    lease is in: a machine that slept renews as soon as it is awake."""

    claim: Claim
    stop: threading.Event = field(default_factory=threading.Event)
    reason: Literal["cancel", "shutdown", "lease"] | None = None
    renewed: datetime = field(default_factory=clock.now)

    def halt(self, reason: Literal["cancel", "shutdown", "lease"]) -> None:
        self.reason = self.reason or reason
        self.stop.set()


class JobRunner:
    """Does jobs until it is stopped.

    Args:
        worker: its name stands in the rows that it claims; its queues and engines say which these are.
    """

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        fleet: Fleet,
        transcription: TranscriptionService,
        worker: Worker,
    ) -> None:
        self.worker = worker
        self._database = database
        self._jobs = jobs
        self._fleet = fleet
        self._transcription = transcription
        self._slots = threading.BoundedSemaphore(worker.slots)
        self._guard = threading.Lock()
        self._running: set[_Running] = set()
        self._missed = 0
        self._begun = threading.Condition(self._guard)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.more: Callable[[], None] = lambda: None
        """Called when a job was taken: there may be another for the next slot."""

    @property
    def busy(self) -> int:
        """How many jobs are at work."""
        return len(self._running)

    @property
    def full(self) -> bool:
        return len(self._running) >= self.worker.slots

    def begin(self) -> None:
        """Keep leases from now on, and free those of the dead."""
        self._threads = [
            threading.Thread(target=self._keep_leases, name="leases", daemon=True),
            threading.Thread(target=self._keep_house, name="house", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """The opposite, once no job is at work any more. Blocks for a moment."""
        self.stop()
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Take no more jobs, and end those under way so that they go on elsewhere. From any thread."""
        with self._guard:
            self._stopping.set()
            for running in self._running:
                running.halt("shutdown")
            self._begun.notify_all()

    def work(self) -> int:
        """Do jobs while there are any and a slot is free; how many were done. Never raises."""
        _step_back()
        done = 0
        while not self._stopping.is_set():
            missed = self._missed
            if not self._slots.acquire(blocking=False):
                # Whoever has the slot looks once more before giving it up for good.
                self._missed += 1
                return done
            try:
                while (running := self._take()) is not None:
                    self.more()
                    self._carry_out(running)
                    done += 1
            finally:
                self._slots.release()
            if missed == self._missed:
                break
        return done

    # --- one job --------------------------------------------------------------------------------

    def _take(self) -> _Running | None:
        try:
            claim = None if self._stopping.is_set() else self._claim()
        except Exception as error:  # noqa: BLE001 (the edge of the worker: it looks again, whatever happened)
            _log.warning("jobs.not_claimed", error=str(error), exc_info=_unforeseen(error))
            return None
        if claim is None:
            return None
        running = _Running(claim)
        with self._guard:
            self._running.add(running)
            if self._stopping.is_set():
                running.halt("shutdown")
            self._begun.notify_all()
        return running

    def _claim(self) -> Claim | None:
        worker = self.worker
        with self._database.read() as session:
            look = self._jobs.look(session, worker.queues, worker.engines)
        if look.pause_over:
            with self._database.write(shared=True) as session:
                self._jobs.end_pauses(session)
            with self._database.read() as session:
                look = self._jobs.look(session, worker.queues, worker.engines)
        for queue in look.queues:
            # Beside others who write: the claim is one statement that steps over what others claim.
            with self._database.write(shared=True) as session:
                if (claim := self._jobs.claim(session, worker.id, queue, worker.engines)) is not None:
                    return claim
        return None

    def _carry_out(self, running: _Running) -> None:
        claim = running.claim
        with watched(claim) as seen:
            try:
                self._transcription.run(claim, running.stop)
                seen.ended("completed")
            except Exception as error:  # noqa: BLE001 (the edge of a job: whatever happens ends here, in its row)
                seen.ended(self._settle(running, error), error)
            finally:
                with self._guard:
                    self._running.discard(running)

    def _settle(self, running: _Running, error: Exception) -> Outcome:
        """Bring the row in line with how the run ended."""
        claim = running.claim
        outcome: Outcome
        try:
            # Beside others who write: every change of the row says that it is still ours.
            with self._database.write(shared=True) as session:
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
        except Exception as failure:  # noqa: BLE001 (the edge of a job)
            # The row keeps its lease; when that runs out, the sweeper gives the job to whoever can do it.
            _log.warning("job.not_settled", error=str(failure), exc_info=_unforeseen(failure))
            return "lost"
        return outcome

    # --- leases ---------------------------------------------------------------------------------

    def _keep_leases(self) -> None:
        """Renew leases and look for wishes to cancel, outside the threads that may be deep in their work."""
        while True:
            with self._guard:
                while not self._running and not self._stopping.is_set():
                    self._begun.wait()
                running = list(self._running)
            if not running:
                return
            try:
                self._look_after(running)
            except Exception as error:  # noqa: BLE001 (the edge of the keeper: it looks again, whatever happened)
                _log.warning("job.heartbeat_failed", error=str(error), exc_info=_unforeseen(error))
            # Whoever stops does not end this pause: jobs that are ending still need their leases.
            time.sleep(_LOOK_SECONDS)

    def _look_after(self, running: list[_Running]) -> None:
        for one in running:
            age = (clock.now() - one.renewed).total_seconds()
            if one.reason != "lease" and not 0 <= age < self._jobs.lease_seconds / 3:
                one.renewed = clock.now()
                self._renew(one)
        with self._database.read() as session:
            unwanted = self._jobs.unwanted(session, [one.claim for one in running])
        for one in running:
            if one.claim.job_id in unwanted:
                one.halt("cancel")

    def _renew(self, running: _Running) -> None:
        """In a transaction of its own, so that a row which somebody holds hinders no other."""
        claim = running.claim
        try:
            # Beside others who write: it changes the row only where it is still ours.
            with self._database.write(shared=True) as session:
                self._jobs.renew(session, claim)
        except LeaseLost:
            running.halt("lease")
        except TiroError as error:
            _log.warning("job.heartbeat_failed", job_id=claim.job_id, code=error.code)

    # --- the house ------------------------------------------------------------------------------

    def _keep_house(self) -> None:
        """Free the jobs of dead workers, and say that this one lives."""
        while True:
            try:
                self._beat()
                if freed := self._sweep():
                    _log.warning("jobs.freed", count=freed)
                    self.more()
            except Exception as error:  # noqa: BLE001 (the edge of the worker: it looks again, whatever happened)
                _log.warning("jobs.not_swept", error=str(error), exc_info=_unforeseen(error))
            if self._stopping.wait(min(BEAT_SECONDS, self._jobs.lease_seconds)):
                break
        self._leave()

    def _beat(self) -> None:
        if not self._fleet.alone:
            with self._database.write(shared=True) as session:
                self._fleet.beat(session, self.worker)

    def _leave(self) -> None:
        if self._fleet.alone:
            return
        try:
            with self._database.write(shared=True) as session:
                self._fleet.leave(session, self.worker)
        except TiroError as error:
            _log.warning("worker.not_signed_off", code=error.code)

    def _sweep(self) -> int:
        with self._guard:
            own = {running.claim.job_id for running in self._running}
        # Beside others who write: the rows are locked as they are found.
        with self._database.write(shared=True) as session:
            return self._jobs.sweep(session, sparing=own)


_stepped_back = threading.local()


def _step_back() -> None:
    """Let requests go before jobs where both want the processor; what a job starts inherits this."""
    if sys.platform == "linux" and not hasattr(_stepped_back, "done"):
        # Elsewhere a thread has no priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        _stepped_back.done = True


def _unforeseen(error: Exception) -> Exception | None:
    """The error, if its traceback tells more than its code does."""
    return None if isinstance(error, TiroError) else error
