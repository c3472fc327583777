"""Transcribe here and now: the server's pipeline with neither server nor database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from types import TracebackType

from tiro.bootstrap.speech import SpeechRuntime, speech_runtime
from tiro.features.transcription.pipeline import (
    Advanced,
    Finished,
    MediaKnown,
    PipelineEvent,
    PipelineRequest,
)
from tiro.kit.sources import Source, opened
from tiro.settings import Settings
from tiro.speech.options import TranscriptionOptions, spoken
from tiro.speech.types import ChannelMode, Progress, Segment, Task, Transcript


class Transcriber:
    """Transcribes one file after another; engines stay loaded in between. Use as a context manager.

    Args:
        settings: by default those of the environment.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._exit = ExitStack()
        self._speech: SpeechRuntime | None = None
        self.stop = threading.Event()

    def __enter__(self) -> Transcriber:
        self._speech = self._exit.enter_context(speech_runtime(self._settings))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self._exit.close()

    def transcribe(
        self,
        source: Source,
        *,
        options: TranscriptionOptions | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_download: Callable[[int, int], None] | None = None,
    ) -> Transcript:
        """As ``tiro.transcribe``; ``on_download`` hears bytes done and in all while a model is fetched."""
        assert self._speech is not None, "use the transcriber in a 'with' block"
        started = time.monotonic()
        options = options or TranscriptionOptions(self._settings.engine.default)
        resolved = self._speech.prepare(options.engine, on_download)
        with opened(source) as file:
            request = PipelineRequest(file, resolved, options)
            with closing(self._speech.pipeline.run(request, self.stop)) as events:
                transcript = _collect(events, on_progress)
        return replace(transcript, processing_time=time.monotonic() - started)


def transcribe(
    source: Source,
    *,
    engine: str | None = None,
    language: str | None = None,
    channels: ChannelMode = "auto",
    task: Task = "transcribe",
    vocabulary: Sequence[str] = (),
    prompt: str | None = None,
    beam: int | None = None,
    temperatures: Sequence[float] = (),
    word_times: bool = True,
    guard_off: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
    settings: Settings | None = None,
) -> Transcript:
    """Transcribe one recording on this machine.

    Args:
        source: a path, the bytes of a file, or an open binary file, which stays the caller's.
        engine: ``auto`` (a Whisper model if there is one, else PocketSphinx), ``whisper``,
            ``whisper:MODEL``, ``pocketsphinx`` or ``echo``; by default what the settings say.
        language: a code such as ``en``; detected where the engine can and None is given, with ``mixed`` for
            each window anew.
        channels: keep the two sides of a call apart (``split``), mix them (``mix``), or look (``auto``).
        task: ``translate`` gives English text, where the engine can.
        vocabulary: names and terms to be expected, the most important first.
        prompt: text that could stand before the recording; its words and its style are taken up.
        beam: hypotheses that are kept side by side; 1 is greedy.
        temperatures: from 0 to 1, tried in this order until a result passes the quality limits.
        word_times: whether words get times.
        guard_off: rules against invented text and cross-talk that shall not apply, by the names that drops
            carry.
        on_progress: called as segments become final, in this thread.
        settings: by default those of the environment.

    Returns:
        The transcript; times are seconds from the start of the recording.

    Raises:
        TiroError: with a stable ``code`` and a ``message`` that says what to do.
        FileNotFoundError: there is no such file.
    """
    settings = settings or Settings()
    said = spoken(language)
    options = TranscriptionOptions(
        engine=engine or settings.engine.default,
        language=said.language,
        mixed_languages=said.mixed_languages,
        detect_language=said.detect_language,
        channels=channels,
        task=task,
        vocabulary=tuple(vocabulary),
        prompt=prompt,
        beam=beam,
        temperatures=tuple(temperatures),
        word_times=word_times,
        guard_off=tuple(guard_off),
    )
    with Transcriber(settings) as transcriber:
        return transcriber.transcribe(source, options=options, on_progress=on_progress)


def _collect(events: Generator[PipelineEvent], on_progress: Callable[[Progress], None] | None) -> Transcript:
    segments: list[Segment] = []
    duration: float | None = None
    transcript: Transcript | None = None
    for event in events:
        match event:
            case MediaKnown(media):
                duration = media.claimed_duration
            case Advanced(segments=fresh, position=position):
                segments.extend(fresh)
                if on_progress is not None:
                    on_progress(Progress(position, duration, fresh))
            case Finished(whole, last):
                transcript = replace(whole, segments=(*segments, *last.segments))
                if on_progress is not None:
                    on_progress(Progress(last.position, duration, last.segments))
            case _:
                pass
    assert transcript is not None, "the pipeline ends with Finished"
    return transcript
