"""The workers: who is alive, and what they can do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.tables import JobTable, WorkerTable
from tiro.features.jobs import waiting
from tiro.features.jobs.states import JobQueue, JobState

BEAT_SECONDS = 5.0
_ALIVE_SECONDS = 4 * BEAT_SECONDS
_FORGOTTEN_SECONDS = 3600.0
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that takes jobs. ``engines`` is None where it takes those for any engine."""

    id: str
    host: str
    queues: tuple[str, ...]
    engines: tuple[str, ...] | None
    slots: int

    def serves(self, queue: str, engine: str) -> bool:
        return queue in self.queues and (self.engines is None or engine in self.engines)


class Fleet:
    """The workers of one database.

    Args:
        alone: the jobs are done by the very process that asks, which can do whatever can be done: nobody
            writes heartbeats, and no job waits for anybody else.
    """

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self._known: Sequence[Worker] = ()
        self._known_at = float("-inf")

    def beat(self, session: Session, worker: Worker) -> None:
        """A sign of life. Only the worker itself writes its row, so others may write meanwhile."""
        now = moment.now(session)
        row = session.get(WorkerTable, worker.id)
        if row is None:
            session.execute(
                delete(WorkerTable).where(WorkerTable.seen_at < moment.after(session, -_FORGOTTEN_SECONDS))
            )
            engines = None if worker.engines is None else list(worker.engines)
            session.add(
                WorkerTable(
                    id=worker.id,
                    host=worker.host,
                    queues=list(worker.queues),
                    engines=engines,
                    slots=worker.slots,
                    started_at=now,
                    seen_at=now,
                )
            )
        else:
            session.execute(update(WorkerTable).where(WorkerTable.id == worker.id).values(seen_at=now))

    def leave(self, session: Session, worker: Worker) -> None:
        session.execute(delete(WorkerTable).where(WorkerTable.id == worker.id))

    def alive(self, session: Session) -> Sequence[Worker]:
        """Those of whom there was a sign of life in the last seconds, as known a second ago at most."""
        if time.monotonic() - self._known_at > _FRESH_SECONDS:
            query = select(WorkerTable).where(WorkerTable.seen_at > moment.after(session, -_ALIVE_SECONDS))
            self._known = [
                Worker(row.id, row.host, tuple(row.queues), _engines(row), row.slots)
                for row in session.scalars(query.order_by(WorkerTable.id))
            ]
            self._known_at = time.monotonic()
        return self._known

    def waiting_for(self, session: Session, job: JobTable) -> str | None:
        """What a waiting job lacks, where no worker that is alive can do it."""
        if self.alone or job.state != JobState.QUEUED:
            return None
        if any(worker.serves(job.queue, job.engine) for worker in self.alive(session)):
            return None
        return _lack(job.queue, job.engine)

    def stranded(self, session: Session) -> list[str]:
        """What is missing for the jobs at the heads of the queues; each lack once."""
        if self.alone:
            return []
        workers = self.alive(session)
        return [
            _lack(queue, engine)
            for queue, engine in waiting.kinds(session, list(JobQueue))
            if not any(worker.serves(queue, engine) for worker in workers)
        ]


def _engines(row: WorkerTable) -> tuple[str, ...] | None:
    return None if row.engines is None else tuple(row.engines)


def _lack(queue: str, engine: str) -> str:
    return f"a worker for the queue {queue} with the engine {engine}"
