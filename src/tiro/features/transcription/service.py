"""Run one job: the pipeline on one side, the rows on the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import singledispatchmethod
from typing import Any

import structlog
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables.base import Json
from tiro.engines.registry import Resolved
from tiro.errors import Cancelled, TiroError
from tiro.features.counters.service import CounterService
from tiro.features.events.schemas import EventType
from tiro.features.events.service import EventService, Line
from tiro.features.jobs.service import Claim, JobService
from tiro.features.jobs.states import FIRST_STAGE
from tiro.features.quotas.service import QuotaService
from tiro.features.transcription.pipeline import (
    Advanced,
    Finished,
    LayoutKnown,
    MediaKnown,
    Pipeline,
    PipelineEvent,
    PipelineRequest,
    Plan,
    Stage,
    StageEntered,
)
from tiro.features.transcripts.service import TranscriptService
from tiro.speech import crosstalk
from tiro.speech.result import layout_json, media_json, segment_json
from tiro.speech.types import Segment, WindowResult
from tiro.storage.base import Storage
from tiro.telemetry import metrics, tracing
from tiro.telemetry.timing import timed

_log = structlog.get_logger(__name__)
_window_results = TypeAdapter(WindowResult)
_PROGRESS_SECONDS = 1.0

PrepareEngine = Callable[[str, Callable[[int, int], None]], Resolved]
"""Turns the name of an engine into one that is ready, reporting bytes done and bytes in all of a download."""


@dataclass(frozen=True, slots=True)
class Records:
    """The features that a run writes to."""

    database: Database
    jobs: JobService
    transcripts: TranscriptService
    events: EventService
    counters: CounterService
    quotas: QuotaService


class TranscriptionService:
    """Turns claimed jobs into transcripts. Blocking: call it from a worker's thread."""

    def __init__(
        self, records: Records, storage: Storage, pipeline: Pipeline, prepare: PrepareEngine
    ) -> None:
        self._records = records
        self._storage = storage
        self._pipeline = pipeline
        self._prepare = prepare

    def run(self, claim: Claim, stop: threading.Event) -> None:
        """Do the job, going on after the windows that an earlier attempt recorded.

        Raises:
            Cancelled: ``stop`` was set.
            LeaseLost: another attempt has taken the job over; nothing more was written.
            TiroError: the recording, the model or the engine failed.
        """
        recorder = _Recorder(self._records, claim, stop)
        with ExitStack() as opened, _Stages() as stages:
            with tracing.span("storage.fetch"):
                source = opened.enter_context(self._storage.fetch(claim.recording_id, stop))
            request = PipelineRequest(
                source=source,
                engine=self._prepare(claim.options.engine, recorder.fetched),
                options=claim.options,
                recorded=recorder.resume,
                defaults=claim.defaults,
            )
            with closing(self._pipeline.run(request, stop)) as events:
                try:
                    for event in events:
                        if isinstance(event, StageEntered):
                            stages.enter(event.stage)
                        recorder.take(event)
                except TiroError:
                    with suppress(TiroError):  # the first error is the one to tell
                        recorder.flush()
                    raise


class _Stages(ExitStack):
    """Times each stage until the next one, or the end."""

    def enter(self, stage: str) -> None:
        self.close()
        self.enter_context(timed(metrics.STAGE_SECONDS, "stage", stage))


class _Recorder:
    """Writes what the pipeline yields, one transaction a step, each fenced by the claim's attempt. What is
    followed by more at once waits for that, since each transaction costs a short job about as much as its
    work does.

    The transactions are shared. Each begins with the fence, an UPDATE that holds the job's row until the end,
    so that nobody else changes the job, its windows or its segments meanwhile, nor deletes its recording.
    What it has in common with others' jobs are the counters, which grow in one order, and the user's audio
    seconds, each by one statement that relies on nothing that was read.
    """

    def __init__(self, records: Records, claim: Claim, stop: threading.Event) -> None:
        self._records = records
        self._claim = claim
        self._stop = stop
        self._known: frozenset[int] = frozenset()
        self._kept = 0
        self._seen = 0
        self._duration: float | None = None
        self._started = time.monotonic()
        self._shown = 0.0
        self._values: dict[str, Any] = {}
        self._lines: list[Line] = []

    def flush(self) -> None:
        """Write what waits for more."""
        if self._values:
            with self._writing():
                pass

    @contextmanager
    def _writing(self, **values: Any) -> Iterator[Session]:
        """A transaction that begins with the fence, these values of the job and those that waited, and ends
        with all that there is to say."""
        values, self._values = self._values | values, {}
        with self._records.database.write(shared=True) as session:
            self._records.jobs.describe(session, self._claim, **values)
            yield session
            self._tell(session)

    def _tell(self, session: Session) -> None:
        # Gone even if the write fails: the job goes no further then.
        lines, self._lines = self._lines, []
        self._records.events.extend(session, self._claim.recording_id, lines)

    def _hold(self, kind: EventType, data: Json, **values: Any) -> None:
        self._values |= values
        self._lines.append((kind, data))

    def resume(self, plan: Plan) -> dict[int, WindowResult]:
        """The windows that an earlier attempt recorded under the same plan; under another it begins anew."""
        records, claim = self._records, self._claim
        wanted = asdict(plan)
        if claim.attempt == 1:
            with self._writing(plan=wanted, position=0.0):
                return {}
        with self._writing() as session:
            rows = records.jobs.windows(session, claim)
            if records.jobs.plan(session, claim) != wanted:
                records.jobs.describe(session, claim, plan=wanted, position=0.0)
                records.jobs.forget_windows(session, claim)
                records.transcripts.forget(session, claim.job_id)
                if rows:
                    self._lines.append(("restart", {}))
                rows = []
            self._kept = records.transcripts.count(session, claim.job_id)
        self._known = frozenset(index for index, _ in rows)
        return {index: _window_results.validate_python(result) for index, result in rows}

    def fetched(self, done: int, total: int) -> None:
        """Show how far the model's download is; ends it where the job was stopped."""
        if self._stop.is_set():
            raise Cancelled
        if time.monotonic() - self._shown >= _PROGRESS_SECONDS:
            self._shown = time.monotonic()
            with self._records.database.write(shared=True) as session:
                self._records.events.append(
                    session, self._claim.recording_id, "download", {"done": done, "total": total}
                )

    @singledispatchmethod
    def take(self, event: PipelineEvent) -> None:
        raise TypeError(f"no rule for {type(event).__name__}")

    @take.register
    def _(self, event: StageEntered) -> None:
        if event.stage != FIRST_STAGE:  # that one came with the claim
            self._hold("stage", {"stage": event.stage}, stage=event.stage)
        if event.stage == Stage.MODEL:
            self.flush()  # to load it takes a while

    @take.register
    def _(self, event: MediaKnown) -> None:
        self._duration = event.media.claimed_duration
        media = media_json(event.media)
        self._hold("media", {"media": media}, media=media)

    @take.register
    def _(self, event: LayoutKnown) -> None:
        layout = layout_json(event.layout)
        self._hold("layout", layout, layout=layout)

    @take.register
    def _(self, event: Advanced) -> None:
        windows = [result for result in event.windows if result.index not in self._known]
        segments = self._unseen(event.segments)
        due = time.monotonic() - self._shown >= _PROGRESS_SECONDS
        if not (windows or segments or due or self._values):
            return
        with self._writing(position=event.position) as session:
            for result in windows:
                self._records.jobs.record_window(
                    session, self._claim, result.index, _window_results.dump_python(result, mode="json")
                )
            self._records.counters.add_windows(session, windows)
            self._keep(session, segments)
            if due:
                self._show_progress(event.position)

    @take.register
    def _(self, event: Finished) -> None:
        claim = self._claim
        transcript = replace(event.transcript, processing_time=claim.busy_seconds)
        windows = [result for result in event.last.windows if result.index not in self._known]
        segments = self._unseen(event.last.segments)
        with self._writing(position=transcript.duration) as session:
            self._records.counters.add_windows(session, windows)
            self._keep(session, segments)
            self._show_progress(transcript.duration, transcript.duration)
            self._lines += [
                ("notice", {"code": notice.code, "message": notice.message}) for notice in transcript.notices
            ]
            self._tell(session)  # before the job's own end, which is the last that followers wait for
            self._records.counters.add_drops(
                session, (drop for drop in transcript.drops if drop.rule == crosstalk.RULE)
            )
            self._records.transcripts.finish(session, claim.job_id, claim.recording_id, transcript)
            self._records.jobs.complete(session, claim)
            self._records.quotas.settle_audio(session, claim.recording_id, transcript.duration)
        if claim.busy_seconds > 0 and transcript.duration > 0:
            metrics.REALTIME_FACTOR.observe(transcript.duration / claim.busy_seconds, transcript.engine)
        _log.info(
            "job.completed",
            segments=self._kept,
            duration=transcript.duration,
            seconds=round(transcript.processing_time, 3),
            engine=transcript.engine,
        )

    def _unseen(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """Those that no earlier attempt has kept: the sequence is always the same, so a count tells."""
        skip = min(max(self._kept - self._seen, 0), len(segments))
        self._seen += len(segments)
        return segments[skip:]

    def _keep(self, session: Session, segments: tuple[Segment, ...]) -> None:
        self._records.transcripts.append(session, self._claim.job_id, self._kept, segments)
        self._records.counters.add_segments(session, segments)
        self._lines += [
            ("segment", {"position": self._kept + offset, **segment_json(segment)})
            for offset, segment in enumerate(segments)
        ]
        self._kept += len(segments)

    def _show_progress(self, position: float, duration: float | None = None) -> None:
        self._shown = time.monotonic()
        elapsed = max(self._shown - self._started, 1e-3)
        progress = {
            "position": round(position, 3),
            "duration": duration or self._duration,
            "speed": round(position / elapsed, 2),
        }
        self._lines.append(("progress", progress))
