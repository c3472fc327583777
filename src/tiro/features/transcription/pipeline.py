"""The pipeline: the ordered stages from a file to segments, with neither server nor database.

decode -> channels -> voice activity -> windows -> engine -> guard -> merge. Everything streams: segments come
while the file is still being decoded, and what is in memory is bounded by windows, not by the file's length.
All up to the windows happens in the decoder's process, and recognition in the engine's.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from tiro.engines.base import Capabilities
from tiro.engines.host import EngineHosts
from tiro.engines.registry import Resolved
from tiro.features.transcription.stages.recognition import Recognition, RecognitionTask
from tiro.features.transcription.wishes import USER, Wishes, check, completed, ignored, unused, wishes_of
from tiro.media.decode import DecoderPool
from tiro.media.stream import Heard, SpeechStream
from tiro.media.types import SpeechMark, SpeechWindow, WindowSizes
from tiro.speech import crosstalk
from tiro.speech.merging import ChannelMerger, Released
from tiro.speech.options import Defaults, TranscriptionOptions
from tiro.speech.types import (
    ChannelLayout,
    Drop,
    MediaInfo,
    Notice,
    Segment,
    Transcript,
    WindowResult,
)


class Stage(StrEnum):
    """Where a run is. Decoding, speech detection and recognition go on side by side in ``transcribe``;
    ``model`` is left out where the engine is loaded."""

    PROBE = "probe"
    MODEL = "model"
    TRANSCRIBE = "transcribe"


CUT = 2
"""Raise it with every change to how recordings are cut into windows or their results are merged."""


_TURN = 1.0
"""Seconds of silence after which somebody else may speak."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides which windows a recording is cut into and what is heard in them: results that were
    recorded under one plan mean nothing under another. ``wishes`` is what was asked, defaults filled in."""

    engine: str
    model: str
    sizes: WindowSizes
    wishes: str
    cut: int = CUT


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """One recording to be transcribed.

    ``source`` stays the caller's; ``engine`` is what ``options.engine`` came to. ``recorded`` is asked once
    for the windows of an earlier attempt that went by the same plan, by index: they are not done again.
    ``defaults`` are those of the recording's owner.
    """

    source: Path | BinaryIO
    engine: Resolved
    options: TranscriptionOptions
    recorded: Callable[[Plan], Mapping[int, WindowResult]] = lambda _plan: {}
    defaults: Defaults = field(default_factory=Defaults)


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
    """The end: the transcript without its segments, of which the last are in ``last`` and the others came
    before."""

    transcript: Transcript
    last: Advanced


PipelineEvent = StageEntered | MediaKnown | LayoutKnown | Advanced | Finished


class Pipeline:
    """Runs recordings through the stages. One pipeline serves many threads."""

    def __init__(self, decoders: DecoderPool, hosts: EngineHosts, defaults: Defaults | None = None) -> None:
        self._decoders = decoders
        self._hosts = hosts
        self._defaults = defaults or Defaults()

    def run(self, request: PipelineRequest, stop: threading.Event) -> Generator[PipelineEvent]:
        """Yield events as the run goes on; the last one is ``Finished``.

        ``MediaKnown``, ``StageEntered(TRANSCRIBE)`` and ``LayoutKnown`` are always followed at once: by
        another event, or by the question for what is ``recorded``. So they may be kept together with that.

        Setting ``stop`` from any thread ends the run within about a second with ``Cancelled``. Closing the
        iterator does the same, and sets ``stop``.

        Raises:
            TiroError: whatever media, model and engine can raise.
        """
        yield StageEntered(Stage.PROBE)
        defaults = {USER: request.defaults, "settings": self._defaults}
        known = self._hosts.known(request.engine.spec)
        with self._decoders.listen(
            request.source,
            request.options.channels,
            _sizes(known, completed(request.options, defaults, known)[0]) if known else None,
            stop=stop,
        ) as media:
            yield MediaKnown(media.info)
            if known is None:
                yield StageEntered(Stage.MODEL)
            capabilities = self._hosts.capabilities(request.engine.spec, stop)
            check(request.options, request.engine.spec, capabilities)
            options, used = completed(request.options, defaults, capabilities)
            wishes = wishes_of(options, capabilities)
            sizes = _sizes(capabilities, options)
            plan = Plan(
                str(request.engine.spec),
                capabilities.model,
                sizes,
                wishes.as_text(),
            )
            yield StageEntered(Stage.TRANSCRIBE)
            task = RecognitionTask(request.engine.spec, wishes, request.recorded(plan))
            recognition = Recognition(self._hosts, capabilities, task, stop, request.engine.fallback)
            media.begin(sizes)
            yield from _Run(recognition, capabilities, request, media, wishes, used).events()


class _Run:
    """One recording on its way through the stages."""

    def __init__(
        self,
        recognition: Recognition,
        capabilities: Capabilities,
        request: PipelineRequest,
        media: SpeechStream,
        wishes: Wishes,
        defaults: dict[str, dict[str, Any]],
    ) -> None:
        self._recognition = recognition
        self._capabilities = capabilities
        self._request = request
        self._media = media
        self._wishes = wishes
        self._defaults = defaults
        self._merger: ChannelMerger | None = None
        self._told = False
        self._safe: list[float] = []
        self._heard: Counter[str] = Counter()
        self._drops: list[Drop] = []

    def events(self) -> Iterator[PipelineEvent]:
        with self._recognition:
            for heard in self._media:
                yield from self._take(heard)
            yield from self._end()

    def _take(self, heard: Heard) -> Iterator[PipelineEvent]:
        match heard:
            case ChannelLayout():
                self._merger = ChannelMerger(heard.labels, cross_talk=crosstalk.RULE in self._wishes.rules)
                self._safe = [0.0] * len(heard.labels)
            case SpeechWindow():
                self._recognition.submit(heard.window, heard.audio)
                self._safe[heard.window.channel] = heard.safe_until
                yield from self._tell_layout()
                yield from self._advance()
            case SpeechMark():
                self._safe = list(heard.safe_until)
                yield from self._tell_layout()
                yield from self._advance()

    def _tell_layout(self) -> Iterator[PipelineEvent]:
        """Once, and not before there is more to tell: a short recording is at its end by then."""
        layout = self._media.layout
        if not self._told and layout is not None:
            self._told = True
            yield LayoutKnown(layout)
            yield Advanced((), (), self._position())

    def _end(self) -> Iterator[PipelineEvent]:
        assert self._merger is not None
        duration = self._media.info.duration or 0.0
        self._safe = [duration] * len(self._safe)
        last = Advanced((), (), duration)
        for result in self._recognition.results(drain=True):
            last = self._taken(result)
            if self._recognition.under_way:
                yield last
                last = Advanced((), (), duration)
        released, rest = self._release(), self._merger.finish()
        self._drops.extend(rest.drops)
        segments = (*last.segments, *released.segments, *rest.segments)
        if not self._told and self._media.layout is not None:
            yield LayoutKnown(self._media.layout)
        yield Finished(self._transcript(duration), Advanced(last.windows, segments, duration))

    def _advance(self) -> Iterator[Advanced]:
        """Take the results that are there, and release the segments that nothing can come before any more."""
        position = self._position()
        for result in self._recognition.results():
            yield self._taken(result)
        released = self._release()
        if released.segments or self._position() > position:
            yield Advanced((), tuple(released.segments), self._position())

    def _taken(self, result: WindowResult) -> Advanced:
        assert self._merger is not None
        self._merger.add(result)
        if result.language:
            self._heard[result.language] += round(1000 * (result.end - result.start))
        released = self._release()
        return Advanced((result,), tuple(released.segments), self._position())

    def _release(self) -> Released:
        assert self._merger is not None
        segments: list[Segment] = []
        drops: list[Drop] = []
        for channel in range(len(self._safe)):
            released = self._merger.advance(channel, self._safe_until(channel))
            segments.extend(released.segments)
            drops.extend(released.drops)
        self._drops.extend(drops)
        return Released(tuple(segments), tuple(drops))

    def _safe_until(self, channel: int) -> float:
        return min(self._safe[channel], self._recognition.earliest_start(channel))

    def _position(self) -> float:
        return min((self._safe_until(channel) for channel in range(len(self._safe))), default=0.0)

    def _transcript(self, duration: float) -> Transcript:
        request, layout = self._request, self._media.layout
        assert layout is not None
        notices = [request.engine.notice] if request.engine.notice else []
        if self._capabilities.notice and not notices:
            notices.append(Notice("engine_notice", self._capabilities.notice))
        asked = (request.engine.spec, self._capabilities)
        notices.extend(ignored(request.options, *asked))
        notices.extend(unused(request.options, request.defaults, *asked))
        parts = self._recognition.parts(layout.labels)
        notices.extend(self._recognition.fallback.notices(parts))
        notices.extend(self._media.notices)
        language = self._wishes.language or next((name for name, _ in self._heard.most_common(1)), None)
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
            options=request.options.asked(),
            defaults=self._defaults,
        )


def _sizes(capabilities: Capabilities, options: TranscriptionOptions) -> WindowSizes:
    sizes = WindowSizes(capabilities.max_window, capabilities.join_gap, capabilities.longest_pause)
    if options.mixed_languages:
        # A language is that of a window, so one turn must not share a window with the answer to it.
        return replace(sizes, join_gap=min(sizes.join_gap, _TURN))
    return sizes
