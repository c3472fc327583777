"""The day, event by event."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.scaling.load import DAY, Job
from bench.scaling.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Fleet:
    """``workers``, each with ``slots`` jobs at once. A slot makes ``speed`` seconds of audio in a second, and
    ``start`` seconds of each job are none of that. A worker dies once in ``lifetime`` seconds on average (0:
    never), is back after ``repair``, and its jobs are taken up by others after ``takeover``; they lose the
    window they were in."""

    workers: int
    slots: int = 1
    speed: float = 15.0
    start: float = 0.5
    lifetime: float = 7 * DAY
    repair: float = 300.0
    takeover: float = 25.0
    window: float = 30.0


@dataclass(slots=True)
class Day:
    """What happened. ``busy`` are seconds of all slots; ``minutes`` has, for each minute, the jobs that came,
    their audio, and the slots at work at its end."""

    jobs: list[Job] = field(default_factory=list)
    busy: float = 0.0
    seconds: float = 0.0
    deaths: int = 0
    longest: int = 0
    minutes: dict[int, list[float]] = field(default_factory=dict)

    def waits(self, wanted: Callable[[Job], bool] = lambda _: True) -> list[float]:
        """Of the jobs that are ``wanted``, sorted."""
        return sorted(wait for job in self.jobs if wanted(job) and (wait := job.wait) is not None)


_COMES, _ENDS, _DIES, _BACK, _RETAKEN = range(5)


class Simulation:
    """Runs until all jobs that came have ended.

    Args:
        service: seconds of work of a job; by default as the fleet's speed says.
    """

    def __init__(
        self, fleet: Fleet, jobs: Iterable[Job], seed: int = 1, service: Callable[[Job], float] | None = None
    ) -> None:
        self._fleet = fleet
        self._service = service or (lambda job: fleet.start + job.audio / fleet.speed)
        self._chance = random.Random(seed)
        self._coming = iter(jobs)
        self._waiting = Waiting()
        self._running: list[dict[int, tuple[Job, float]]] = [{} for _ in range(fleet.workers)]
        self._free = [worker for worker in range(fleet.workers) for _ in range(fleet.slots)]
        self._events: list[tuple[float, int, int, int, Job | None]] = []
        self._serial = 0
        self._open = 0
        self._more = True
        self.day = Day()

    def run(self) -> Day:
        self._next_arrival()
        if self._fleet.lifetime:
            for worker in range(self._fleet.workers):
                self._schedule(self._lifetime(), _DIES, worker)
        now = 0.0
        while self._more or self._open:
            now, _, kind, worker, job = heapq.heappop(self._events)
            self._happen(now, kind, worker, job)
            self._assign(now)
            self._note(now)
        self.day.seconds = now
        return self.day

    def _happen(self, now: float, kind: int, worker: int, job: Job | None) -> None:
        if kind == _COMES and job is not None:
            job.left = self._service(job)
            self.day.jobs.append(job)
            self._open += 1
            self._waiting.add(job)
            minute = self._minute(now)
            minute[0] += 1
            minute[1] += job.audio
            self._next_arrival()
        elif kind == _ENDS and job is not None:
            self._end(now, worker, job)
        elif kind == _RETAKEN and job is not None:
            self._waiting.put_back(job)
        elif kind == _DIES:
            self._die(now, worker)
        elif kind == _BACK:
            self._free += [worker] * self._fleet.slots
            self._schedule(now + self._lifetime(), _DIES, worker)

    def _assign(self, now: float) -> None:
        while self._free and (job := self._waiting.take()) is not None:
            worker = self._free.pop()
            if job.started is None:
                job.started = now
            self._running[worker][job.number] = job, now
            self._schedule(now + job.left, _ENDS, worker, job)

    def _end(self, now: float, worker: int, job: Job) -> None:
        held = self._running[worker].get(job.number)
        # What a dead worker would have done was done by another.
        if held is None or abs(held[1] + job.left - now) > 1e-6:
            return
        del self._running[worker][job.number]
        self.day.busy += now - held[1]
        job.ended = now
        self._open -= 1
        self._free.append(worker)

    def _die(self, now: float, worker: int) -> None:
        self.day.deaths += 1
        self._free = [free for free in self._free if free != worker]
        for job, since in self._running[worker].values():
            done = now - since
            self.day.busy += done
            lost = min(done, self._fleet.window / self._fleet.speed)
            job.left -= done - lost
            self._schedule(now + self._fleet.takeover, _RETAKEN, worker, job)
        self._running[worker].clear()
        self._schedule(now + self._fleet.repair, _BACK, worker)

    def _next_arrival(self) -> None:
        job = next(self._coming, None)
        if job is None:
            self._more = False
        else:
            self._schedule(job.at, _COMES, -1, job)

    def _lifetime(self) -> float:
        return self._chance.expovariate(1 / self._fleet.lifetime)

    def _schedule(self, at: float, kind: int, worker: int, job: Job | None = None) -> None:
        self._serial += 1
        heapq.heappush(self._events, (at, self._serial, kind, worker, job))

    def _minute(self, now: float) -> list[float]:
        return self.day.minutes.setdefault(int(now // 60), [0.0, 0.0, 0.0])

    def _note(self, now: float) -> None:
        self._minute(now)[2] = self._fleet.workers * self._fleet.slots - len(self._free)
        self.day.longest = max(self.day.longest, self._waiting.length)
