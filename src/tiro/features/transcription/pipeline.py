"""The pipeline: the ordered stages from a file to segments, with neither server nor database.

decode -> channels -> voice activity -> windows -> engine -> guard -> merge. Everything streams: segments come
while the file is still being decoded, and what is in memory is bounded by windows, not by the file's length.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from tiro.engines.base import Capabilities, DecodingOptions
from tiro.engines.host import EngineHosts
from tiro.engines.registry import Resolved
from tiro.errors import UnsupportedLanguage, UnsupportedOption
from tiro.features.transcription.stages.channels import ChannelSplitter
from tiro.features.transcription.stages.recognition import Recognition, RecognitionTask
from tiro.features.transcription.stages.speech import SpeechFinder
from tiro.media.decode import DecoderPool, MediaStream
from tiro.speech.guard import Guard
from tiro.speech.merging import ChannelMerger, Released
from tiro.speech.types import (
    Audio,
    ChannelLayout,
    ChannelMode,
    Drop,
    MediaInfo,
    Notice,
    Segment,
    Task,
    Transcript,
    WindowResult,
)


class Stage(StrEnum):
    """Where a run is. Decoding, speech detection and recognition go on side by side in ``transcribe``."""

    PROBE = "probe"
    MODEL = "model"
    TRANSCRIBE = "transcribe"
    RECORD = "record"


CUT = 1
"""Raise it with every change to how recordings are cut into windows or their results are merged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides which windows a recording is cut into and what is heard in them: results that were
    recorded under one plan mean nothing under another."""

    engine: str
    model: str
    max_window: float
    join_gap: float
    cut: int = CUT


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """One recording to be transcribed.

    ``source`` stays the caller's. ``recorded`` is asked once for the windows of an earlier attempt that went
    by the same plan, by index: they are not transcribed again. Where no ``language`` is given it is detected,
    for each window anew where ``mixed_languages`` is set, else once.
    """

    source: Path | BinaryIO
    engine: Resolved
    language: str | None = None
    channels: ChannelMode = "auto"
    task: Task = "transcribe"
    recorded: Callable[[Plan], Mapping[int, WindowResult]] = lambda _plan: {}
    mixed_languages: bool = False
    decoding: DecodingOptions = field(default_factory=DecodingOptions)


@dataclass(frozen=True, slots=True)
class StageEntered:
    stage: Stage


@dataclass(frozen=True, slots=True)
class MediaKnown:
    media: MediaInfo


@dataclass(frozen=True, slots=True)
class LayoutKnown:
    layout: ChannelLayout


@dataclass(frozen=True, slots=True)
class Advanced:
    """The run got further: windows that are done, segments that are final, and the time up to which all is.

    The segments of all events together, in order, are the transcript; the same file gives the same sequence.
    """

    windows: tuple[WindowResult, ...]
    segments: tuple[Segment, ...]
    position: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The end: the transcript without its segments, which came before."""

    transcript: Transcript


PipelineEvent = StageEntered | MediaKnown | LayoutKnown | Advanced | Finished


class Pipeline:
    """Runs recordings through the stages. One pipeline serves many threads."""

    def __init__(self, decoders: DecoderPool, hosts: EngineHosts, guard: Guard | None = None) -> None:
        self._decoders = decoders
        self._hosts = hosts
        self._guard = guard or Guard()

    def run(self, request: PipelineRequest, stop: threading.Event) -> Generator[PipelineEvent]:
        """Yield events as the run goes on; the last one is ``Finished``.

        Setting ``stop`` from any thread ends the run within about a second with ``Cancelled``. Closing the
        iterator does the same, and sets ``stop``.

        Raises:
            TiroError: whatever media, model and engine can raise.
        """
        yield StageEntered(Stage.PROBE)
        with self._decoders.open(request.source, keep_stereo=request.channels != "mix", stop=stop) as media:
            yield MediaKnown(media.info)
            yield StageEntered(Stage.MODEL)
            capabilities = self._hosts.capabilities(request.engine.spec, stop)
            _check(request, capabilities)
            plan = Plan(
                str(request.engine.spec), capabilities.model, capabilities.max_window, capabilities.join_gap
            )
            recorded = request.recorded(plan)
            yield StageEntered(Stage.TRANSCRIBE)
            task = RecognitionTask(
                request.engine.spec,
                request.language,
                request.task,
                recorded,
                request.mixed_languages,
                request.decoding,
            )
            fallback = request.engine.fallback
            recognition = Recognition(self._hosts, capabilities, self._guard, task, stop, fallback)
            yield from _Run(recognition, capabilities, request, media).events()


class _Run:
    """One recording on its way through the stages."""

    def __init__(
        self,
        recognition: Recognition,
        capabilities: Capabilities,
        request: PipelineRequest,
        media: MediaStream,
    ) -> None:
        self._recognition = recognition
        self._capabilities = capabilities
        self._request = request
        self._media = media
        self._splitter = ChannelSplitter(request.channels, stereo=media.info.channels == 2)
        self._finders: list[SpeechFinder] = []
        self._merger: ChannelMerger | None = None
        self._next_index = itertools.count().__next__
        self._heard: Counter[str] = Counter()
        self._drops: list[Drop] = []

    def events(self) -> Iterator[PipelineEvent]:
        with self._recognition:
            for block in self._media:
                for channels in self._splitter.feed(block):
                    yield from self._open_channels()
                    yield from self._hear(channels)
            for channels in self._splitter.finish():
                yield from self._open_channels()
                yield from self._hear(channels)
            yield from self._open_channels()
            yield from self._end()

    def _open_channels(self) -> Iterator[PipelineEvent]:
        """Once the layout is known: one speech finder a channel, and the merger of their results."""
        layout = self._splitter.layout
        if self._merger is not None or layout is None:
            return
        self._merger = ChannelMerger(layout.labels)
        self._finders = [
            SpeechFinder(
                channel,
                max_window=self._capabilities.max_window,
                join_gap=self._capabilities.join_gap,
                next_index=self._next_index,
            )
            for channel in range(len(layout.labels))
        ]
        yield LayoutKnown(layout)

    def _hear(self, channels: tuple[Audio, ...]) -> Iterator[Advanced]:
        for finder, audio in zip(self._finders, channels, strict=True):
            for window, cut in finder.feed(audio):
                self._recognition.submit(window, cut)
                yield from self._advance()
        yield from self._advance()

    def _end(self) -> Iterator[PipelineEvent]:
        for finder in self._finders:
            for window, cut in finder.finish():
                self._recognition.submit(window, cut)
                yield from self._advance()
        yield from self._advance(drain=True)
        assert self._merger is not None
        duration = self._media.info.duration or 0.0
        released = self._merger.finish()
        self._drops.extend(released.drops)
        yield Advanced((), tuple(released.segments), duration)
        yield StageEntered(Stage.RECORD)
        yield Finished(self._transcript(duration))

    def _advance(self, *, drain: bool = False) -> Iterator[Advanced]:
        """Take the results that are there, and release the segments that nothing can come before any more."""
        assert self._merger is not None
        position = self._position()
        for result in self._recognition.results(drain=drain):
            self._merger.add(result)
            if result.language:
                self._heard[result.language] += round(1000 * (result.end - result.start))
            released = self._release()
            yield Advanced((result,), tuple(released.segments), self._position())
        released = self._release()
        if released.segments or self._position() > position:
            yield Advanced((), tuple(released.segments), self._position())

    def _release(self) -> Released:
        assert self._merger is not None
        segments: list[Segment] = []
        drops: list[Drop] = []
        for channel in range(len(self._finders)):
            released = self._merger.advance(channel, self._safe_until(channel))
            segments.extend(released.segments)
            drops.extend(released.drops)
        self._drops.extend(drops)
        return Released(tuple(segments), tuple(drops))

    def _safe_until(self, channel: int) -> float:
        return min(self._finders[channel].safe_until, self._recognition.earliest_start(channel))

    def _position(self) -> float:
        return min((self._safe_until(channel) for channel in range(len(self._finders))), default=0.0)

    def _transcript(self, duration: float) -> Transcript:
        request, layout = self._request, self._splitter.layout
        assert layout is not None
        notices = [request.engine.notice] if request.engine.notice else []
        if self._capabilities.notice and not notices:
            notices.append(Notice("engine_notice", self._capabilities.notice))
        parts = self._recognition.parts(layout.labels)
        notices.extend(self._recognition.fallback.notices(parts))
        notices.extend(self._media.notices)
        language = request.language or next((name for name, _ in self._heard.most_common(1)), None)
        return Transcript(
            segments=(),
            language=language,
            duration=duration,
            layout=layout,
            media=self._media.info,
            engine=str(request.engine.spec),
            models={request.engine.spec.name: self._capabilities.model} | self._recognition.fallback.models(),
            drops=tuple(sorted(self._drops, key=lambda drop: drop.start)),
            notices=tuple(notices),
            parts=parts,
        )


def _check(request: PipelineRequest, capabilities: Capabilities) -> None:
    """Refuse before work starts what the engine cannot do."""
    spec, language = request.engine.spec, request.language
    if language is not None and capabilities.languages and language not in capabilities.languages:
        known = ", ".join(sorted(capabilities.languages))
        raise UnsupportedLanguage(
            f"The engine '{spec}' does not know the language '{language}'. It knows: {known}."
        )
    if request.task == "translate" and not capabilities.translates:
        raise UnsupportedOption(f"The engine '{spec}' cannot translate.")
    if (request.decoding.vocabulary or request.decoding.prompt) and not capabilities.vocabulary:
        raise UnsupportedOption(f"The engine '{spec}' cannot be told which words to expect.")
