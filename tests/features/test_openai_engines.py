"""OpenAI's audio API with engines that translate, tell speakers apart, and say how sure they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests import countingengine, tinywhisper
from tests import openaisdk as openai
from tests.conftest import make_settings
from tests.makecall import SAMPLE, wav
from tests.serving import ThreadServer, thread_server

FILE = ("call.wav", wav(seconds=6))


@contextmanager
def sdk_of(server: ThreadServer) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False, timeout=60) as plain,
        openai.OpenAI(
            base_url=f"{server.address}/v1", api_key=server.key, max_retries=0, http_client=plain
        ) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(tmp_path_factory.mktemp("data"), engine={"download": False, "default": "echo"})
    with countingengine.installed(tmp_path_factory.mktemp("engine")), thread_server(settings) as running:
        yield running


@pytest.fixture
def sdk(server: ThreadServer) -> Iterator[openai.OpenAI]:
    with sdk_of(server) as client:
        yield client


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's own word on the address
def test_a_translation(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.translations.create(
        file=FILE, model="counting:repeat", prompt="A call.", temperature=0.4, response_format="verbose_json"
    )
    assert answer.language == "english"
    assert answer.segments
    asked = countingengine.repeated(answer.text)
    assert (asked["task"], asked["language"]) == ("translate", None)
    assert (asked["prompt"], asked["temperatures"]) == ("A call.", [0.4])
    text = sdk.audio.translations.create(file=FILE, model="counting:repeat", response_format="text")
    assert countingengine.repeated(str(text))["task"] == "translate"


def test_two_speakers_have_two_letters(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(
        file=("call.flac", SAMPLE.read_bytes()), model="whisper-1", response_format="diarized_json"
    )
    speakers = [segment.speaker for segment in answer.segments]
    assert speakers[0] == "A"
    assert set(speakers) == {"A", "B"}
    starts = [segment.start for segment in answer.segments]
    assert starts == sorted(starts)
    assert answer.text == " ".join(segment.text for segment in answer.segments)


def test_the_asynchronous_stream(server: ThreadServer) -> None:
    async def ask() -> list[str]:
        async with (
            httpx.AsyncClient(trust_env=False) as plain,
            openai.AsyncOpenAI(
                base_url=f"{server.address}/v1", api_key=server.key, http_client=plain
            ) as client,
        ):
            stream = await client.audio.transcriptions.create(file=FILE, model="whisper-1", stream=True)
            return [event.type async for event in stream]

    types = asyncio.run(ask())
    assert set(types[:-1]) == {"transcript.text.delta"}
    assert types[-1] == "transcript.text.done"


def test_what_whisper_says_of_its_work_is_stored_and_told(tmp_path: Path) -> None:
    tinywhisper.make(tmp_path / "models" / "tiny")
    with thread_server(make_settings(tmp_path, compat={"keep": True})) as server, sdk_of(server) as sdk:
        answer = sdk.audio.transcriptions.create(
            file=FILE,
            model="whisper:tiny",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        (recording_id,) = server.runtime.recordings.ids()
        stored = server.runtime.recordings.transcript(recording_id)
    assert stored is not None
    assert answer.language == "german"
    assert answer.segments
    assert [word.word for word in answer.words or []][:4] == ["the", "quick", "brown", "fox"]
    for told, kept in zip(answer.segments, stored.segments, strict=True):
        assert kept.quality is not None
        assert kept.quality.avg_logprob is not None
        assert (told.avg_logprob, told.no_speech_prob, told.temperature) == (
            kept.quality.avg_logprob,
            kept.quality.no_speech_prob,
            kept.quality.temperature,
        )
        assert told.compression_ratio > 0  # the engine gives none of so short a text
        assert told.avg_logprob < 0
        assert told.temperature == 0
        assert told.tokens == []  # those of a window; which of them are a segment's, nobody knows here
