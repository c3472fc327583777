"""What every speech engine keeps to, kept by the one whose work is done by another server.

The same rules as in `test_engine_contract`, through the same hosts, and how the key gets to its child.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.children import own_children
from tests.conftest import make_settings
from tests.contracts import test_engine_contract as contract
from tests.contracts.test_engine_contract import Bench
from tests.makecall import SAMPLE
from tests.speechserver import SpeechServer, error, serving

from tiro.bootstrap.speech import engine_options
from tiro.engines import survey
from tiro.engines.base import EngineOptions, RemoteOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.openai.provider import PROVIDER
from tiro.engines.registry import EngineSpec, resolve
from tiro.errors import ModelUnavailable, RemoteUnauthorized, UnknownEngine
from tiro.offline import Transcriber
from tiro.settings import Settings
from tiro.speech.options import TranscriptionOptions
from tiro.speech.types import SAMPLE_RATE, Audio, Segment


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


KEY = "sk-very-secret"
SPEC = EngineSpec("openai")

speech, transcribed, segments = contract.speech, contract.transcribed, contract.segments

test_segments_inside = contract.test_segments_are_inside_the_window_in_order_and_apart
test_words_inside = contract.test_words_are_inside_their_segment_and_make_its_text
test_plain_values = contract.test_values_are_plain_and_confidence_is_a_probability
test_no_memory = contract.test_the_same_window_gives_the_same_whatever_came_before
test_little_audio = contract.test_no_audio_and_a_single_sample_yield_no_error
test_full_scale = contract.test_full_scale_and_beyond_is_no_error
test_unknown_language = contract.test_unknown_language_is_told_and_the_host_lives_on
test_unknown_language_first = contract.test_unknown_language_is_told_before_the_first_segment
test_closing = contract.test_closing_stops_and_the_engine_can_go_on
test_cancelled = contract.test_a_request_that_nobody_wants_any_more_is_cancelled
test_capabilities = contract.test_capabilities_say_what_the_result_must_carry


@pytest.fixture(scope="module")
def remote() -> Iterator[SpeechServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def options(remote: SpeechServer) -> EngineOptions:
    return EngineOptions(Path("models"), remote=RemoteOptions(remote.address, KEY))


@pytest.fixture(scope="module")
def hosts(options: EngineOptions) -> Iterator[EngineHosts]:
    with EngineHosts(options, limit=1) as hosts:
        yield hosts


@pytest.fixture
def bench(hosts: EngineHosts, options: EngineOptions) -> Bench:
    return Bench(hosts, SPEC, options)


def test_the_key_reaches_the_server_and_is_seen_nowhere_else(
    bench: Bench, speech: Audio, remote: SpeechServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIRO_OPENAI_KEY", KEY)
    assert "secret" not in repr(bench.options)
    with EngineHosts(bench.options) as hosts:
        hosts.warm(SPEC)
        children = psutil.Process().children(recursive=True)
        assert children
        for child in children:
            assert KEY not in str(child.environ()) + str(child.cmdline())
        remote.script.append(error(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"))
        with pytest.raises(RemoteUnauthorized) as caught:
            hosts.transcribe(SPEC, TranscribeRequest(speech))
        assert "secret" not in caught.value.message
    assert remote.uploads[-1].headers["Authorization"] == f"Bearer {KEY}"


def test_the_settings_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"URL": "http://host:9/v1", "KEY": KEY, "MODEL": "m", "WINDOW": "60"}
    for name, value in (values | {"CONNECT_SECONDS": "3", "ANSWER_SECONDS": "44"}).items():
        monkeypatch.setenv(f"TIRO_OPENAI_{name}", value)
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert KEY not in repr(settings)
    assert engine_options(settings).remote == RemoteOptions("http://host:9/v1", KEY, "m", 3.0, 44.0, 60.0)
    engine = PROVIDER.load(None, engine_options(settings))
    assert engine.capabilities.max_window == 60
    assert engine.capabilities.model == "m at host:9"


def test_a_recording_goes_through_the_pipeline(remote: SpeechServer, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, openai={"url": remote.address, "key": KEY})
    with Transcriber(settings) as transcriber:
        transcript = transcriber.transcribe(SAMPLE, options=TranscriptionOptions("openai"))
    assert transcript.segments
    assert transcript.language == "en"
    assert transcript.engine == "openai"
    [notice] = transcript.notices
    assert "The audio was sent to 127.0.0.1" in notice.message


def test_silence_is_not_sent(hosts: EngineHosts, remote: SpeechServer) -> None:
    import numpy as np

    before = len(remote.uploads)
    silence = np.zeros(3 * SAMPLE_RATE, np.float32)
    found: list[Segment] = hosts.transcribe(SPEC, TranscribeRequest(silence))
    assert (found, len(remote.uploads)) == ([], before)


@pytest.mark.parametrize(
    ("remote_options", "address"),
    [
        (RemoteOptions("http://host:8000"), "http://host:8000/v1"),
        (RemoteOptions(" https://host/api/v1/ "), "https://host/api/v1"),
        (RemoteOptions(None, KEY), "https://api.openai.com/v1"),
    ],
)
def test_where_the_audio_would_go_is_said(remote_options: RemoteOptions, address: str) -> None:
    availability = PROVIDER.availability(None, EngineOptions(Path("models"), remote=remote_options))
    assert availability.ready
    assert address in availability.detail


@pytest.mark.parametrize(
    ("remote_options", "help_with"),
    [
        (RemoteOptions(), "TIRO_OPENAI_URL"),
        (RemoteOptions("", " "), "TIRO_OPENAI_KEY"),
        (RemoteOptions("host:8000"), "http://host:8000/v1"),
        (RemoteOptions("ftp://host/v1"), "TIRO_OPENAI_URL"),
        (RemoteOptions("http://host:99999"), "TIRO_OPENAI_URL"),
        (RemoteOptions("http://[secret"), "TIRO_OPENAI_URL"),
        (RemoteOptions("http://me:secret@host/v1"), "TIRO_OPENAI_KEY"),
        (RemoteOptions("http://host/v1?key=secret"), "TIRO_OPENAI_KEY"),
        (RemoteOptions("http://host", "secret\nInjected: yes"), "TIRO_OPENAI_KEY"),
        (RemoteOptions("http://host", "sécret"), "TIRO_OPENAI_KEY"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_without_secrets(
    remote_options: RemoteOptions, help_with: str
) -> None:
    options = EngineOptions(Path("models"), remote=remote_options)
    for refused in (lambda: resolve("openai", options), lambda: PROVIDER.load(None, options)):
        with pytest.raises(ModelUnavailable) as caught:
            refused()
        assert help_with in caught.value.message
        assert "secret" not in caught.value.message


def test_callers_from_elsewhere_get_the_model_that_the_owner_chose(options: EngineOptions) -> None:
    survey.check("openai", options, "small")
    survey.check("openai:whisper-1", options, "small")
    with pytest.raises(UnknownEngine, match="whisper-1"):
        survey.check("openai:gpt-4o-transcribe", options, "small")
    own = EngineOptions(Path("models"), remote=RemoteOptions("http://host", model="Systran/large"))
    survey.check("openai:Systran/large", own, "small")
    assert resolve("openai:another", options).spec == EngineSpec("openai", "another")


def test_auto_never_sends_audio_away(options: EngineOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert resolve("auto", options).spec.name != "openai"
