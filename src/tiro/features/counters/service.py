"""Counts of what was done, kept in rows: no restart sets them back, each worker adds to them.

They are added to in the transaction that keeps the work itself, so work is counted when it is kept, and once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy.orm import Session

from tiro.features.counters import repository
from tiro.speech.types import Drop, Segment, WindowResult


class Counted(StrEnum):
    """What is counted, and by what it is told apart."""

    WINDOWS = "windows"  # engine
    AUDIO_SECONDS = "audio_seconds"  # engine
    ENGINE_SECONDS = "engine_seconds"  # engine
    SEGMENTS = "segments"  # nothing
    DROPPED = "segments_dropped"  # rule
    JOBS_ENDED = "jobs_ended"  # state, or state:code
    TRIES_FAILED = "tries_failed"  # code
    LEASES_FREED = "leases_freed"  # nothing
    WEBHOOK_TRIES = "webhook_tries"  # outcome


class CounterService:
    """Counters. All methods take the caller's session and belong to its transaction."""

    def add_windows(self, session: Session, results: Iterable[WindowResult]) -> None:
        """Count windows that were recognised, and what the guard took out of them."""
        amounts: dict[tuple[str, str], float] = defaultdict(float)
        for result in results:
            engine = result.engine or ""
            amounts[Counted.WINDOWS, engine] += 1
            amounts[Counted.AUDIO_SECONDS, engine] += result.audio_seconds
            amounts[Counted.ENGINE_SECONDS, engine] += result.engine_seconds
            for drop in result.drops:
                amounts[Counted.DROPPED, drop.rule] += 1
        repository.add(session, amounts)

    def add_segments(self, session: Session, segments: Iterable[Segment]) -> None:
        """Count segments that a transcript keeps."""
        if count := sum(1 for _ in segments):
            repository.add(session, {(Counted.SEGMENTS, ""): count})

    def add_drops(self, session: Session, drops: Iterable[Drop]) -> None:
        """Count what was taken out after the windows, between channels."""
        amounts: dict[tuple[str, str], float] = defaultdict(float)
        for drop in drops:
            amounts[Counted.DROPPED, drop.rule] += 1
        repository.add(session, amounts)

    def add_ended(self, session: Session, state: str, code: str = "") -> None:
        """Count a job that ended; ``code`` is its error's."""
        repository.add(session, {(Counted.JOBS_ENDED, f"{state}:{code}" if code else state): 1})

    def add_failed_try(self, session: Session, code: str) -> None:
        """Count a try of a job that is followed by another."""
        repository.add(session, {(Counted.TRIES_FAILED, code): 1})

    def add_freed(self, session: Session, jobs: int) -> None:
        """Count jobs that were taken from dead workers."""
        if jobs:
            repository.add(session, {(Counted.LEASES_FREED, ""): jobs})

    def add_webhook_try(self, session: Session, outcome: str) -> None:
        """Count a try to deliver to a webhook."""
        repository.add(session, {(Counted.WEBHOOK_TRIES, outcome): 1})

    def values(self, session: Session) -> dict[tuple[Counted, str], float]:
        """All that was counted, by what it is and its label."""
        return {(Counted(row.metric), row.label): row.value for row in repository.all_of(session)}
