"""What every speech engine keeps to, in the child process where it runs.

That silence yields nothing is not asked of Whisper, which may invent text in it: the voice activity gate
stands before the engines for that reason.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from tests import tinywhisper
from tests.makecall import turns

from tiro.engines.base import Engine, EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec, provider
from tiro.errors import Cancelled, UnsupportedLanguage, UnsupportedOption
from tiro.speech.types import SAMPLE_RATE, Audio, Segment

SPECS = [EngineSpec("echo"), EngineSpec("pocketsphinx"), EngineSpec("whisper", "tiny")]


@dataclass(frozen=True)
class Bench:
    """One engine in hosts, with speech for it."""

    hosts: EngineHosts
    spec: EngineSpec
    options: EngineOptions

    def say(self, audio: Audio, language: str | None = None) -> list[Segment]:
        return self.hosts.transcribe(self.spec, TranscribeRequest(audio, language))


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    models = tmp_path_factory.mktemp("models")
    tinywhisper.make(models / "tiny")
    tinywhisper.make(models / "tiny.en", multilingual=False)
    return EngineOptions(models, device="cpu", threads=1, download=False)


@pytest.fixture(scope="module")
def hosts(options: EngineOptions) -> Iterator[EngineHosts]:
    with EngineHosts(options, limit=1) as hosts:
        yield hosts


@pytest.fixture(params=SPECS, ids=lambda spec: spec.name)
def bench(request: pytest.FixtureRequest, hosts: EngineHosts, options: EngineOptions) -> Bench:
    return Bench(hosts, request.param, options)


@pytest.fixture(scope="module")
def speech() -> Audio:
    """How two turns of the sample call begin, with a second of silence between, 4.2 s."""
    return np.concatenate([said(1), np.zeros(SAMPLE_RATE, np.float32), said(2)])


def said(turn: int) -> Audio:
    """Enough of it for some words: PocketSphinx takes its time for each second."""
    return turns("right")[turn][1][: round(1.6 * SAMPLE_RATE)]


@pytest.fixture(scope="module")
def transcribed() -> dict[EngineSpec, list[Segment]]:
    return {}


@pytest.fixture
def segments(bench: Bench, speech: Audio, transcribed: dict[EngineSpec, list[Segment]]) -> list[Segment]:
    """What the engine makes of ``speech``, computed once for each engine."""
    if bench.spec not in transcribed:
        transcribed[bench.spec] = bench.say(speech)
    return transcribed[bench.spec]


def test_segments_are_inside_the_window_in_order_and_apart(segments: list[Segment], speech: Audio) -> None:
    assert segments
    edges = [time for segment in segments for time in (segment.start, segment.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(speech) / SAMPLE_RATE


def test_words_are_inside_their_segment_and_make_its_text(segments: list[Segment]) -> None:
    for segment in segments:
        edges = [time for word in segment.words for time in (word.start, word.end)]
        assert edges == sorted(edges)
        assert segment.start <= edges[0]
        assert edges[-1] <= segment.end
        assert " ".join(word.text for word in segment.words) == segment.text


def test_values_are_plain_and_confidence_is_a_probability(segments: list[Segment]) -> None:
    for segment in segments:
        for item in (segment, *segment.words):
            assert type(item.start) is float
            assert type(item.end) is float
            assert item.confidence is None or (type(item.confidence) is float and 0 <= item.confidence <= 1)
        assert segment.language is not None
        assert segment.text == segment.text.strip() != ""


def test_the_same_window_gives_the_same_whatever_came_before(
    bench: Bench, speech: Audio, segments: list[Segment]
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, SAMPLE_RATE).astype(np.float32)
    bench.say(noise)
    bench.say(said(3))
    assert bench.say(speech) == segments


@pytest.mark.parametrize("spec", SPECS[:2], ids=lambda spec: spec.name)
def test_silence_yields_nothing(hosts: EngineHosts, spec: EngineSpec) -> None:
    assert hosts.transcribe(spec, TranscribeRequest(np.zeros(3 * SAMPLE_RATE, np.float32))) == []


def test_no_audio_and_a_single_sample_yield_no_error(bench: Bench) -> None:
    assert bench.say(np.zeros(0, np.float32)) == []
    bench.say(np.full(1, 0.5, np.float32))


def test_full_scale_and_beyond_is_no_error(bench: Bench) -> None:
    bench.say(np.full(SAMPLE_RATE, 3.0, np.float32))


def test_unknown_language_is_told_and_the_host_lives_on(bench: Bench, speech: Audio) -> None:
    bench.hosts.capabilities(bench.spec)
    before = {state.engine: state.restarts for state in bench.hosts.state()}
    with pytest.raises(UnsupportedLanguage, match="xx"):
        bench.say(speech, "xx")
    assert {state.engine: state.restarts for state in bench.hosts.state()} == before


def load(bench: Bench) -> Engine:
    return provider(bench.spec.name).load(bench.spec.model, bench.options)


def test_unknown_language_is_told_before_the_first_segment(bench: Bench, speech: Audio) -> None:
    with pytest.raises(UnsupportedLanguage):
        next(iter(load(bench).transcribe(TranscribeRequest(speech, "xx"))), None)


def test_closing_stops_and_the_engine_can_go_on(bench: Bench) -> None:
    engine, speech = load(bench), said(2)
    segments = engine.transcribe(TranscribeRequest(speech))
    first = next(segments)
    segments.close()  # type: ignore[attr-defined]
    assert next(segments, None) is None
    assert next(engine.transcribe(TranscribeRequest(speech))) == first


def test_a_request_that_nobody_wants_any_more_is_cancelled(bench: Bench, speech: Audio) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        bench.hosts.transcribe(bench.spec, TranscribeRequest(speech), stop)


def test_capabilities_say_what_the_result_must_carry(bench: Bench) -> None:
    capabilities = bench.hosts.capabilities(bench.spec)
    assert capabilities == load(bench).capabilities
    assert capabilities.max_window > 5
    assert capabilities.parallel >= 1
    assert (capabilities.notice is None) == (bench.spec.name == "whisper")


# --- whisper alone ----------------------------------------------------------------------------------


def test_whisper_says_what_its_model_says_with_quality(hosts: EngineHosts, speech: Audio) -> None:
    segments = hosts.transcribe(SPECS[2], TranscribeRequest(speech))
    assert [segment.text for segment in segments] == [text for _, text, _ in tinywhisper.SEGMENTS]
    assert {segment.language for segment in segments} == {tinywhisper.LANGUAGE}
    words = list(itertools.chain.from_iterable(segment.words for segment in segments))
    assert all(word.end > word.start for word in words)
    quality = segments[0].quality
    assert quality is not None
    assert quality.avg_logprob is not None
    assert quality.avg_logprob > -0.1
    assert quality.compression_ratio is None  # such a short text tells nothing
    assert quality.no_speech_prob is not None
    assert quality.temperature == 0.0


def test_whisper_takes_the_language_asked_for(hosts: EngineHosts, speech: Audio) -> None:
    segments = hosts.transcribe(SPECS[2], TranscribeRequest(speech, "fr", "translate"))
    assert {segment.language for segment in segments} == {"fr"}


def test_whisper_by_path(hosts: EngineHosts, options: EngineOptions, speech: Audio) -> None:
    spec = EngineSpec("whisper", str(options.models / "tiny"))
    assert hosts.transcribe(spec, TranscribeRequest(speech, "en"))[0].text == tinywhisper.SEGMENTS[0][1]


def test_an_english_model_knows_its_limits(hosts: EngineHosts, speech: Audio) -> None:
    spec = EngineSpec("whisper", "tiny.en")
    capabilities = hosts.capabilities(spec)
    assert capabilities.languages == {"en"}
    assert not capabilities.translates
    assert not capabilities.detects_language
    assert hosts.transcribe(spec, TranscribeRequest(speech))[0].language == "en"
    with pytest.raises(UnsupportedLanguage, match="English"):
        hosts.transcribe(spec, TranscribeRequest(speech, "de"))
    with pytest.raises(UnsupportedOption, match="translate"):
        hosts.transcribe(spec, TranscribeRequest(speech, None, "translate"))


def test_engines_that_cannot_translate_say_so(hosts: EngineHosts, speech: Audio) -> None:
    for spec in SPECS[:2]:
        with pytest.raises(UnsupportedOption):
            hosts.transcribe(spec, TranscribeRequest(speech, "en", "translate"))
