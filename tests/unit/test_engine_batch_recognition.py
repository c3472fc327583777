"""Windows side by side: the language, the options and the order do not depend on which is done first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests import tinywhisper
from tests.makecall import wav
from tests.serving import wait_until

from tiro.engines import messages
from tiro.engines.base import DECODING, Capabilities, DecodingOptions, EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec, Resolved
from tiro.errors import EngineFailed, UnsupportedOption
from tiro.features.transcription.pipeline import Advanced, Finished, Pipeline, PipelineRequest
from tiro.features.transcription.stages import recognition
from tiro.features.transcription.stages.recognition import Recognition, RecognitionTask
from tiro.features.transcription.wishes import Wishes
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits
from tiro.speech.guard import RULES
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import SAMPLE_RATE, Segment, Span, Window, WindowResult

SPEC = EngineSpec("listener")
PLAIN = DecodingOptions()
TEAM = Capabilities("listener 1", detects_language=True, batch=4, heeds=DECODING)


class Listener:
    """Stands for the hosts: tells which language was asked for each window, and hears another in each.

    A window's number is its loudness in hundredths. Windows in ``silent`` hold no text; window 0 takes until
    ``gate`` is set.
    """

    def __init__(self, silent: tuple[int, ...] = ()) -> None:
        self.asked: dict[int, str | None] = {}
        self.options: set[DecodingOptions] = set()
        self.gate = threading.Event()
        self.most = 0
        self._silent = silent
        self._under_way = 0
        self._lock = threading.Lock()

    def transcribe(
        self, spec: EngineSpec, request: TranscribeRequest, stop: threading.Event | None
    ) -> list[Segment]:
        number = round(float(request.audio[0]) * 100)
        with self._lock:
            self.asked[number] = request.language
            self.options.add(request.decoding)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        if number == 0:
            assert self.gate.wait(60)
        with self._lock:
            self._under_way -= 1
        if number == 99:
            raise EngineFailed("this one cannot be heard")
        if number in self._silent:
            return []
        return [Segment(0.0, 1.0, f"window {number}", language=request.language or f"l{number}")]


def window(number: int, seconds: float) -> tuple[Window, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    start = 10.0 * number
    audio = np.full(round(seconds * SAMPLE_RATE), number / 100, np.float32)
    return Window(number, 0, start, start + seconds, (Span(start, start + seconds),)), audio


def run(
    listener: Listener,
    *seconds: float,
    capabilities: Capabilities = TEAM,
    recorded: dict[int, WindowResult] | None = None,
    mixed: bool = False,
    language: str | None = None,
    decoding: DecodingOptions = PLAIN,
) -> list[WindowResult]:
    wishes = Wishes(language, mixed, "transcribe", decoding, rules=frozenset())
    task = RecognitionTask(SPEC, wishes, recorded or {})
    hosts = cast(EngineHosts, listener)
    results = []
    with Recognition(hosts, capabilities, task, threading.Event()) as recognition:
        for number, length in enumerate(seconds):
            recognition.submit(*window(number, length))
            if number == 3 or number + 1 == len(seconds):
                listener.gate.set()
            results.extend(recognition.results())
        results.extend(recognition.results(drain=True))
    return results


def test_the_first_window_with_enough_speech_decides_the_language() -> None:
    listener = Listener()
    results = run(listener, 5, 5, 5, 5, 5)
    assert listener.asked == {0: None, 1: "l0", 2: "l0", 3: "l0", 4: "l0"}
    assert [result.index for result in results] == [0, 1, 2, 3, 4]
    assert {result.language for result in results} == {"l0"}


def test_a_short_window_decides_nothing() -> None:
    listener = Listener()
    run(listener, 1, 1, 5, 5)
    assert listener.asked == {0: None, 1: None, 2: None, 3: "l2"}


def test_a_window_without_text_leaves_it_to_the_next() -> None:
    listener = Listener(silent=(0, 1))
    run(listener, 5, 5, 5, 5)
    assert listener.asked == {0: None, 1: None, 2: None, 3: "l2"}


def test_what_was_recorded_decides_as_it_did_before() -> None:
    listener = Listener()
    recorded = {0: WindowResult(0, 0, 0.0, 5.0, language="pt")}
    run(listener, 5, 5, 5, recorded=recorded)
    assert listener.asked == {1: "pt", 2: "pt"}


def test_in_a_mixed_recording_each_window_has_its_own_language() -> None:
    listener = Listener()
    run(listener, 5, 5, 5, mixed=True)
    assert listener.asked == {0: None, 1: None, 2: None}


def test_nobody_waits_for_an_engine_that_detects_nothing() -> None:
    listener = Listener()
    run(listener, 5, 5, 5, capabilities=Capabilities("deaf 1", parallel=4))
    assert listener.asked == {0: None, 1: None, 2: None}


def test_the_language_asked_for_and_the_options_go_with_every_window() -> None:
    listener = Listener()
    decoding = DecodingOptions(vocabulary=("Tiro",), prompt="a call", beam=2, temperatures=(0.0,))
    run(listener, 5, 5, language="hi", decoding=decoding)
    assert listener.asked == {0: "hi", 1: "hi"}
    assert listener.options == {decoding}


def test_a_batch_and_the_next_are_under_way_and_no_more() -> None:
    listener = Listener()
    results = run(listener, *[5.0] * 30, language="en")
    assert [result.index for result in results] == list(range(30))
    assert listener.most <= TEAM.at_once == 8


def test_a_window_that_fails_ends_the_run_and_not_in_a_deadlock() -> None:
    listener = Listener(silent=(0,))
    task = RecognitionTask(SPEC, Wishes(None, False, "transcribe", PLAIN, RULES), {})
    hosts = cast(EngineHosts, listener)
    with Recognition(hosts, TEAM, task, threading.Event()) as recognition:
        recognition.submit(*window(99, 5))
        recognition.submit(*window(1, 5))
        with pytest.raises(EngineFailed):
            list(recognition.results(drain=True))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, Path]]:
    """The real pipeline with a small Whisper model, and a recording of five seconds."""
    folder = tmp_path_factory.mktemp("pipeline")
    tinywhisper.make(folder / "tiny")
    (folder / "call.wav").write_bytes(wav(5))
    decoders = DecoderPool(MediaLimits())
    with EngineHosts(EngineOptions(folder, device="cpu", threads=1, download=False)) as hosts:
        yield Pipeline(decoders, hosts), folder / "call.wav"
    decoders.close()


def heard(pipeline: tuple[Pipeline, Path], engine: str, **more: Any) -> list[Segment]:
    run, source = pipeline
    options = TranscriptionOptions(engine, **more)
    request = PipelineRequest(source, Resolved(EngineSpec.parse(engine)), options)
    segments: list[Segment] = []
    for event in run.run(request, threading.Event()):
        match event:
            case Advanced(segments=said) | Finished(last=Advanced(segments=said)):
                segments.extend(said)
            case _:
                pass
    return segments


def test_options_reach_the_model_through_the_pipeline(pipeline: tuple[Pipeline, Path]) -> None:
    plain = heard(pipeline, "whisper:tiny")
    assert [segment.text for segment in plain] == [text for _, text, _ in tinywhisper.SEGMENTS]
    assert all(segment.words for segment in plain)
    assert not any(segment.words for segment in heard(pipeline, "whisper:tiny", word_times=False))
    # This model says its words by position: a prompt before the start leaves none of them.
    told = heard(pipeline, "whisper:tiny", prompt="fox", temperatures=(0.0,))
    assert [segment.text for segment in told] != [segment.text for segment in plain]


def test_an_engine_that_heeds_no_vocabulary_says_so(pipeline: tuple[Pipeline, Path]) -> None:
    asked: tuple[dict[str, Any], ...] = (
        {"vocabulary": ("Tiro",)},
        {"prompt": "Tiro"},
        {"beam": 2},
        {"temperatures": (0.2,)},
        {"word_times": False},
    )
    for more in asked:
        with pytest.raises(UnsupportedOption, match=f"leave out '{next(iter(more))}'"):
            heard(pipeline, "echo", **more)


def test_requests_cross_the_pipe_whole() -> None:
    decoding = DecodingOptions(("Tiro", "Whisper"), "a call", 2, (0.0, 0.5), word_times=False)
    request = TranscribeRequest(np.ones(3, np.float32), "hi", "translate", threading.Event(), decoding)
    header = json.loads(json.dumps(messages.request_to_json(request)))
    body = bytes(messages.audio_to_body(request.audio))
    assert request.stop is not None
    copy = messages.request_from_json(header, body, request.stop)
    assert np.array_equal(copy.audio, request.audio)
    assert replace(copy, audio=request.audio) == request
    # Every option differs from its default, so that none can be lost unseen.
    assert all(getattr(decoding, name) != getattr(DecodingOptions(), name) for name in decoding.__slots__)


class Doors(threading.Event):
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.set()
        return super().wait(timeout)


def _all_asked(listener: Listener, count: int) -> bool:
    return len(listener.asked) == count


def test_the_first_windows_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here for as long as it takes: each waits until there is a batch of them, or no more to come."""
    monkeypatch.setattr(recognition, "_GATHERING", 600.0)
    for count in (TEAM.batch, 1):
        listener = Listener()
        listener.gate.set()
        task = RecognitionTask(SPEC, Wishes("en", False, "transcribe", PLAIN, frozenset()), {})
        with Recognition(cast(EngineHosts, listener), TEAM, task, threading.Event()) as subject:
            subject._gathered = doors = Doors()
            subject.submit(*window(0, 5))
            assert doors.waited.wait(60)
            assert not listener.asked
            for number in range(1, count):
                subject.submit(*window(number, 5))
            if count == TEAM.batch:  # nobody has to say that these are all
                wait_until(partial(_all_asked, listener, count), what="a whole batch")
            assert len(list(subject.results(drain=True))) == count
