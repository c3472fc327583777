"""Windows into text: several at once where the engine gains from it, always handed on in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from tiro.engines.base import Capabilities, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec, Resolved
from tiro.errors import Cancelled
from tiro.features.transcription.stages.fallback import REMOTE_FAILURES, Fallback
from tiro.features.transcription.wishes import Wishes
from tiro.speech import guard
from tiro.speech.guard import Guard
from tiro.speech.timeline import Timeline
from tiro.speech.types import SAMPLE_RATE, Audio, EnginePart, Segment, Window, WindowResult

NOTHING: Audio = np.zeros(0, np.float32)

_ENOUGH_SPEECH = 3.0
"""Seconds of speech in a window from which a detected language is believed for the rest of the recording."""


_GATHERING = 1.0
"""Seconds that the first windows wait for a whole batch. Decoding is a hundred times faster than the engine,
so those to come are here soon, and a window that goes alone is half as long at work as four together."""


@dataclass(frozen=True, slots=True)
class RecognitionTask:
    """What is asked of the engine. ``recorded`` holds results of an earlier attempt, by window index."""

    spec: EngineSpec
    wishes: Wishes
    recorded: Mapping[int, WindowResult]


class Recognition:
    """Sends windows to the engine's hosts; a bounded number is under way at any time.

    Use as a context manager: leaving it stops what is under way.

    A language that is not known is that of the first window that has enough speech and in which one is
    detected: the windows behind it wait for that. So the language of a window depends on the recording alone,
    not on which window is done first, and a job that goes on after a break finds the same one.
    """

    def __init__(
        self,
        hosts: EngineHosts,
        capabilities: Capabilities,
        task: RecognitionTask,
        stop: threading.Event,
        fallback: Callable[[], Resolved] | None = None,
    ) -> None:
        self._hosts = hosts
        self._guard = Guard(task.wishes.rules & guard.RULES)
        self._task = task
        self._stop = stop
        at_once = capabilities.parallel * capabilities.at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="recognition")
        self._waiting: deque[tuple[Window, Future[WindowResult]]] = deque()
        # One window waits behind each host, so that none is idle while audio is decoded.
        self._room = max(at_once, capabilities.parallel * 2)
        wishes = task.wishes
        self._settles = (
            wishes.language is None and capabilities.detects_language and not wishes.mixed_languages
        )
        self._deciding: list[Future[WindowResult]] = []
        self._batch = capabilities.batch
        self._gathered = threading.Event()
        self._parts: dict[int, list[EnginePart]] = {}
        asked = TranscribeRequest(NOTHING, wishes.language, wishes.task, decoding=wishes.decoding)
        self.fallback = Fallback(hosts, fallback, asked, stop)
        if fallback and any(one.engine not in (None, str(task.spec)) for one in task.recorded.values()):
            # Where it is not to be had any more, the remote engine is tried again.
            with suppress(*REMOTE_FAILURES):
                self.fallback.take()

    def __enter__(self) -> Recognition:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting:
            self._stop.set()
        self._gathered.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, window: Window, audio: Audio) -> None:
        """Begin a window, or take its recorded result."""
        future: Future[WindowResult]
        recorded = self._task.recorded.get(window.index)
        if recorded is not None:
            future = Future()
            future.set_result(recorded)
        else:
            # With the job's log context and span, which a thread of the pool knows nothing of.
            here = copy_context()
            future = self._pool.submit(here.run, self._transcribe, window, audio, tuple(self._deciding))
        self._waiting.append((window, future))
        if len(self._waiting) >= self._batch:
            self._gathered.set()
        if self._settles and sum(span.length for span in window.spans) >= _ENOUGH_SPEECH:
            self._decided_by(future)

    def _decided_by(self, future: Future[WindowResult]) -> None:
        """Let the windows to come take the language that ``future`` finds, unless one before it finds one."""
        known = [
            one for one in self._deciding if one.done() and not one.exception() and one.result().language
        ]
        if known:
            # What is before the first that found one found none, or is still at work: the order stays.
            self._deciding = self._deciding[: self._deciding.index(known[0]) + 1]
        else:
            self._deciding.append(future)

    def results(self, *, drain: bool = False) -> Iterator[WindowResult]:
        """Results in the order of the windows: those that are ready, and as many more as must be waited for
        to make room (all of them with ``drain``)."""
        if drain:
            self._gathered.set()
        while self._waiting:
            _, future = self._waiting[0]
            if not (drain or future.done() or len(self._waiting) >= self._room):
                return
            result = future.result()
            self._waiting.popleft()
            self._note_part(result)
            yield result

    @property
    def under_way(self) -> bool:
        """Whether there will be more results."""
        return bool(self._waiting)

    def parts(self, labels: Sequence[str | None]) -> tuple[EnginePart, ...]:
        """Which engine worked on what: a part ends where another engine's window of its channel begins."""
        parts = [
            replace(part, speaker=label)
            for channel, label in enumerate(labels)
            for part in self._parts.get(channel, [])
        ]
        return tuple(sorted(parts, key=lambda part: part.start))

    def _note_part(self, result: WindowResult) -> None:
        engine = result.engine or str(self._task.spec)
        parts = self._parts.setdefault(result.channel, [])
        if parts and parts[-1].engine == engine:
            parts[-1] = replace(parts[-1], end=result.end)
        else:
            parts.append(EnginePart(engine, None, result.start, result.end))

    def earliest_start(self, channel: int) -> float:
        """Start of the first window of ``channel`` that is under way; infinity where none is."""
        return min((w.start for w, _ in self._waiting if w.channel == channel), default=float("inf"))

    def _transcribe(
        self, window: Window, audio: Audio, deciding: tuple[Future[WindowResult], ...]
    ) -> WindowResult:
        self._gathered.wait(_GATHERING)
        self._gathered.set()
        # The windows that decide were begun earlier, so they come to an end, and do not wait for this one.
        found = (future.result().language for future in deciding)
        wishes = self._task.wishes
        language = wishes.language or next((one for one in found if one), None)
        request = TranscribeRequest(audio, language, wishes.task, decoding=wishes.decoding)
        began = time.monotonic()
        engine, heard = self._heard(window, request)
        engine_seconds = round(time.monotonic() - began, 3)
        timeline = Timeline(window)
        segments = [placed for segment in heard for placed in timeline.placed(_with_level(segment, audio))]
        outcome = self._guard.check(segments, window.spans)
        return WindowResult(
            index=window.index,
            channel=window.channel,
            start=window.start,
            end=window.end,
            segments=tuple(outcome.segments),
            drops=tuple(outcome.drops),
            language=next((segment.language for segment in segments if segment.language), None),
            engine=engine,
            audio_seconds=round(len(audio) / SAMPLE_RATE, 3),
            engine_seconds=engine_seconds,
        )

    def _heard(self, window: Window, request: TranscribeRequest) -> tuple[str, list[Segment]]:
        """The engine that heard the window, and its segments in the time of its audio."""
        spec, fallback = self._task.spec, self.fallback
        if not fallback.taken.is_set():
            try:
                return str(spec), self._hosts.transcribe(spec, request, fallback.remote_stop)
            except REMOTE_FAILURES as err:
                fallback.take(err)
            except Cancelled:
                if self._stop.is_set():
                    raise
        return fallback.transcribe(window, request)


def _with_level(segment: Segment, audio: Audio) -> Segment:
    """The segment with the loudness of its audio."""
    samples = audio[int(segment.start * SAMPLE_RATE) : max(int(segment.end * SAMPLE_RATE), 1)]
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return replace(segment, level=10.0 * float(np.log10(power + 1e-12)))
