"""Look after all users' jobs, and their room, without a look at what they said."""

from __future__ import annotations

from tiro.db.session import Database
from tiro.db.tables import JobTable
from tiro.errors import Conflict, NotFound
from tiro.features.administration import repository
from tiro.features.administration.schemas import (
    AdminJob,
    AdminJobs,
    AliveWorker,
    JobQueues,
    Owner,
    QueueLoad,
    UserStorage,
)
from tiro.features.jobs.fleet import Fleet, Worker
from tiro.features.jobs.service import JobService
from tiro.features.jobs.states import JobQueue, JobState, Priority
from tiro.features.recordings.service import RecordingService


class AdministrationService:
    """What admins may do with all users' jobs, and what room each user takes.

    Args:
        here: the worker that this process is, where it does the jobs itself.
    """

    def __init__(
        self,
        database: Database,
        recordings: RecordingService,
        jobs: JobService,
        fleet: Fleet,
        here: Worker,
    ) -> None:
        self._database = database
        self._recordings = recordings
        self._jobs = jobs
        self._fleet = fleet
        self._here = here

    def queues(self) -> JobQueues:
        """What waits and runs, and who is there to do it."""
        with self._database.read() as session:
            load, running = self._jobs.load(session), self._jobs.running(session)
            serving, states = self._fleet.by_queue(session), repository.states(session)
            workers = [self._here] if self._fleet.alone else self._fleet.alive(session)
            busy, stranded = repository.busy(session), self._fleet.stranded(session)
        items = [
            QueueLoad(
                queue=queue,
                queued=sum(lane.queued for lane in load if lane.queue == queue),
                running=running[queue],
                workers=serving[queue],
                oldest_seconds=round(max(lane.oldest for lane in load if lane.queue == queue), 1),
            )
            for queue in JobQueue
        ]
        return JobQueues(
            items=items,
            workers=[_worker(worker, busy.get(worker.id, 0)) for worker in workers],
            states={state: states.get(state, 0) for state in JobState},
            stranded=stranded,
        )

    def jobs(
        self,
        state: JobState | None,
        queue: JobQueue | None,
        owner: str | None,
        before: str | None,
        limit: int,
    ) -> AdminJobs:
        with self._database.read() as session:
            rows = repository.jobs(session, state, queue, owner, before, limit + 1)
            items = [_shown(job, name, self._fleet.waiting_for(session, job)) for job, name in rows[:limit]]
        return AdminJobs(items=items, next=items[-1].job_id if len(rows) > limit else None)

    def cancel(self, job_id: str) -> AdminJob:
        """Raises NotFound, and Conflict where it has ended or another job speaks for its recording."""
        self._recordings.cancel(self._recording_of(job_id))
        return self._job(job_id)

    def requeue(self, job_id: str) -> AdminJob:
        """Queue a new job like this one, which has ended: the new one.

        Raises:
            NotFound: there is no such job.
            Conflict: it has not ended, or another job speaks for its recording.
            MediaRemoved: there is nothing left to work on.
        """
        return self._job(self._recordings.retry(self._recording_of(job_id)))

    def storage(self) -> list[UserStorage]:
        with self._database.read() as session:
            return [
                UserStorage(
                    user_id=user_id,
                    name=name,
                    recordings=count,
                    bytes=size,
                    held=held,
                    uploads=uploads,
                    upload_bytes=length,
                )
                for user_id, name, count, size, held, uploads, length in repository.storage(session)
            ]

    def _job(self, job_id: str) -> AdminJob:
        with self._database.read() as session:
            found = repository.job(session, job_id)
            if found is None:
                raise NotFound("There is no job with this id.")
            return _shown(*found, self._fleet.waiting_for(session, found[0]))

    def _recording_of(self, job_id: str) -> str:
        job = self._job(job_id)
        if not job.latest:
            raise Conflict("A later job speaks for this recording by now.")
        return job.session_id


def _worker(worker: Worker, busy: int) -> AliveWorker:
    return AliveWorker(
        id=worker.id,
        host=worker.host,
        queues=list(worker.queues),
        engines=None if worker.engines is None else list(worker.engines),
        slots=worker.slots,
        busy=busy,
    )


def _shown(job: JobTable, owner: str, waits_for: str | None) -> AdminJob:
    return AdminJob(
        job_id=job.id,
        session_id=job.recording_id,
        owner=Owner(id=job.user_id, name=owner),
        latest=job.latest,
        state=JobState(job.state),
        stage=job.stage,
        queue=JobQueue(job.queue),
        engine=job.engine,
        waits_for=waits_for,
        priority=Priority.of_rank(job.priority),
        attempt=job.attempt,
        tries_left=job.tries_left,
        cancel_requested=job.cancel_requested,
        position=round(job.position, 3),
        error_code=job.error and job.error["code"],
        worker=job.owner,
        created_at=job.created_at,
        queued_at=job.queued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
