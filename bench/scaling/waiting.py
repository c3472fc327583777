"""The queue as the database keeps it: who waits is taken by priority, then turn, then arrival."""

from __future__ import annotations

import heapq
from collections import defaultdict

from bench.scaling.load import Job
from tiro.features.jobs.turns import next_turn


class Waiting:
    """Jobs that wait. Turns are dealt by the very rule of the real queue."""

    def __init__(self) -> None:
        self._lanes: dict[int, list[tuple[int, int, Job]]] = defaultdict(list)
        self._last: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.length = 0

    def add(self, job: Job) -> None:
        lane, own = self._lanes[job.priority], self._last[job.priority, job.user]
        job.turn = next_turn(lane[0][0] if lane else None, own[-1] if own else None)
        self.put_back(job)

    def put_back(self, job: Job) -> None:
        """Queue a job again that has its turn."""
        heapq.heappush(self._lanes[job.priority], (job.turn, job.number, job))
        own = self._last[job.priority, job.user]
        # The greatest is at the end; what comes back is rare and may be anywhere.
        own.append(job.turn)
        if len(own) > 1 and own[-2] > job.turn:
            own.sort()
        self.length += 1

    def take(self) -> Job | None:
        for priority in sorted(self._lanes):
            if lane := self._lanes[priority]:
                _, _, job = heapq.heappop(lane)
                self._last[priority, job.user].remove(job.turn)
                self.length -= 1
                return job
        return None
