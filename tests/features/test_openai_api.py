"""OpenAI's audio API, asked by OpenAI's own SDK; by plain HTTP where the SDK cannot say it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from tests import openaisdk as openai
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server, wait_until

from tiro.db.tables import JobTable
from tiro.features.openai import answers, form
from tiro.speech.types import Quality, Segment, Word

SPEECH = wav(seconds=6)
FILE = ("call.wav", SPEECH)
KEYS = {
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
    "no_speech_prob",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """`echo` is the engine by default, so that OpenAI's names mean it."""
    settings = make_settings(tmp_path_factory.mktemp("data"), engine={"download": False, "default": "echo"})
    with thread_server(settings) as running:
        yield running


@pytest.fixture
def sdk(server: ThreadServer) -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False) as plain,
        openai.OpenAI(
            base_url=f"{server.address}/v1", api_key=server.key, max_retries=0, http_client=plain
        ) as client,
    ):
        yield client


def post(client: Client, **fields: str | list[str]) -> httpx.Response:
    return client.post(
        "/v1/audio/transcriptions", files={"file": FILE}, data={"model": "whisper-1", **fields}
    )


def test_json_is_the_default_and_nothing_is_left_behind(sdk: openai.OpenAI, server: ThreadServer) -> None:
    answer = sdk.audio.transcriptions.create(
        file=FILE,
        model="whisper-1",
        language="en",
        temperature=0,
        chunking_strategy={"type": "server_vad"},
    )
    assert answer.text
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(6, abs=0.1)
    assert server.client.get("/api/v1/transcribe").json()["total"] == 0
    assert not list(server.runtime.storage.inventory())


def test_text_and_captions(sdk: openai.OpenAI) -> None:
    text, srt, vtt = (
        sdk.audio.transcriptions.create(file=FILE, model="echo", response_format=kind)
        for kind in ("text", "srt", "vtt")
    )
    assert text.strip()
    assert not text.startswith("{")
    assert srt.startswith("1\n00:00:00,")
    assert vtt.startswith("WEBVTT\n\n")


def test_verbose_json_has_all_keys(sdk: openai.OpenAI, server: ThreadServer) -> None:
    answer = sdk.audio.transcriptions.create(
        file=FILE,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.language == "english"
    assert answer.duration == pytest.approx(6, abs=0.1)
    assert answer.segments
    assert set(answer.segments[0].model_dump()) == KEYS
    assert answer.words
    assert answer.words[0].word
    words_only = post(
        server.client, response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    ).json()
    assert "words" in words_only
    assert "segments" not in words_only
    plain_name = post(
        server.client, response_format="verbose_json", timestamp_granularities=["segment"]
    ).json()
    assert "segments" in plain_name
    assert "words" not in plain_name
    assert plain_name["task"] == "transcribe"


def test_the_evidence_of_the_engine_reaches_verbose_json() -> None:
    asked = form.read({"model": ["a"], "response_format": ["verbose_json"]}, "transcribe", {})
    quality = Quality(-0.25, 0.125, 1.5, 0.2)
    segments = (Segment(1.0, 2.0, "yes", (Word(1.0, 2.0, "yes"),), quality=quality),)
    body, _ = answers.render(asked, segments, {"language": "de", "duration": 2.0})
    segment = json.loads(body)["segments"][0]
    assert (segment["avg_logprob"], segment["no_speech_prob"]) == (-0.25, 0.125)
    assert (segment["compression_ratio"], segment["temperature"], segment["seek"]) == (1.5, 0.2, 100)
    assert json.loads(body)["language"] == "german"


def test_every_field_reaches_the_options() -> None:
    asked = form.read(
        {
            "model": ["whisper-1"],
            "prompt": ["A call."],
            "temperature": ["0.4"],
            "keywords[]": ["Tiro", "Cicero"],
            "languages[]": ["en", "de"],
        },
        "transcribe",
        {"whisper-1": "auto"},
    )
    options = asked.options
    assert (options.engine, options.prompt, options.temperatures) == ("auto", "A call.", (0.4,))
    assert (options.vocabulary, options.mixed_languages) == (("Tiro", "Cicero"), True)
    assert form.read({"model": ["a"], "language": ["German"]}, "transcribe", {}).options.language == "de"
    assert form.read({"model": ["a"], "temperature": ["0"]}, "translate", {}).options.temperatures == ()


def test_diarized_json(sdk: openai.OpenAI) -> None:
    answer = sdk.audio.transcriptions.create(
        file=FILE, model="gpt-4o-transcribe-diarize", response_format="diarized_json"
    )
    first = answer.segments[0]
    assert (first.id, first.speaker, first.type) == ("seg_001", "A", "transcript.text.segment")


@pytest.mark.parametrize("kind", ["json", "diarized_json"])
def test_a_stream_ends_with_the_text_of_its_deltas(sdk: openai.OpenAI, kind: str) -> None:
    events = list(
        sdk.audio.transcriptions.create(file=FILE, model="whisper-1", response_format=kind, stream=True)  # type: ignore[call-overload]
    )
    assert events[-1].type == "transcript.text.done"
    assert events[-1].usage.seconds == pytest.approx(6, abs=0.1)
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert deltas
    assert "".join(deltas) == events[-1].text
    assert any(event.type == "transcript.text.segment" for event in events) == (kind == "diarized_json")


def test_a_stream_is_live(server: ThreadServer, sdk: openai.OpenAI) -> None:
    stream = sdk.audio.transcriptions.create(
        file=("long.wav", wav(seconds=120)), model="echo:0.02", stream=True
    )
    first = next(iter(stream))
    with server.runtime.database.read() as session:
        states = set(session.scalars(select(JobTable.state)))
    assert first.type == "transcript.text.delta"
    assert states == {"running"}
    stream.close()
    nothing_left(server)


def nothing_left(server: ThreadServer) -> None:
    wait_until(lambda: server.client.get("/api/v1/transcribe").json()["total"] == 0, what="the clean-up")
    wait_until(lambda: server.runtime.runner.busy == 0, what="the end of the work")


def test_a_client_that_goes_away_cancels_its_job(server: ThreadServer) -> None:
    with pytest.raises(httpx.ReadTimeout):
        server.client.post(
            "/v1/audio/transcriptions",
            files={"file": ("long.wav", wav(seconds=120))},
            data={"model": "echo:1"},
            timeout=1.0,
        )
    nothing_left(server)


def test_the_asynchronous_sdk(server: ThreadServer) -> None:
    async def ask() -> str:
        async with (
            httpx.AsyncClient(trust_env=False) as plain,
            openai.AsyncOpenAI(
                base_url=f"{server.address}/v1", api_key=server.key, http_client=plain
            ) as client,
        ):
            return (await client.audio.transcriptions.create(file=FILE, model="whisper-1")).text

    assert asyncio.run(ask())


def test_models(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]
    assert {"auto", "echo", "whisper-1", "gpt-4o-transcribe"} <= set(names)
    assert sdk.models.retrieve("whisper-1").object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve("no-such")
    assert caught.value.code == "model_not_found"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's own word on the address
def test_an_engine_that_cannot_translate_says_so(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.audio.translations.create(file=FILE, model="whisper-1")
    assert caught.value.code == "unsupported_option"


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "no-such"}, 404, "model"),
        ({"model": ""}, 400, "model"),
        ({"timestamp_granularities[]": "word"}, 400, "timestamp_granularities"),
        ({"timestamp_granularities[]": "letter", "response_format": "verbose_json"}, 400,
         "timestamp_granularities"),
        ({"response_format": "xml"}, 400, "response_format"),
        ({"temperature": "2"}, 400, "temperature"),
        ({"temperature": "warm"}, 400, "temperature"),
        ({"language": "klingon"}, 400, "language"),
        ({"languages[]": "klingon"}, 400, "languages"),
        ({"prompt": "x" * 2001}, 400, "prompt"),
        ({"stream": "perhaps"}, 400, "stream"),
        ({"stream": "true", "response_format": "srt"}, 400, "stream"),
        ({"include[]": "logprobs"}, 400, "include"),
        ({"known_speaker_names[]": "Ann"}, 400, "known_speaker_names"),
        ({"known_speaker_references[]": "data:audio/wav;base64,"}, 400, "known_speaker_references"),
        ({"chunking_strategy": "none"}, 400, "chunking_strategy"),
        ({"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.9"}, 400,
         "chunking_strategy"),
        ({"hotwords": "Tiro"}, 400, "hotwords"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(
    server: ThreadServer, fields: dict[str, str], status: int, param: str
) -> None:
    answer = post(server.client, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param), answer.text
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"


def test_other_errors_have_openais_shape(server: ThreadServer) -> None:
    client = server.client
    wrong_key = client.get("/v1/models", headers={"Authorization": "Bearer no"})
    nowhere = client.get("/v1/nowhere")
    no_audio = client.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", b"text" * 100)}, data={"model": "whisper-1"}
    )
    no_file = client.post("/v1/audio/transcriptions", data={"model": "whisper-1"})
    wrong_method = client.get("/v1/audio/transcriptions")
    found = {
        answer.status_code: answer.json()["error"]["code"]
        for answer in (wrong_key, nowhere, no_audio, no_file, wrong_method)
    }
    assert found == {
        401: "invalid_api_key",
        404: "not_found",
        415: "unsupported_media",
        400: "invalid_request",
        405: "method_not_allowed",
    }


@pytest.mark.slow
def test_recordings_are_kept_where_the_operator_wants(tmp_path: Path) -> None:
    settings = make_settings(
        tmp_path,
        engine={"download": False, "default": "echo"},
        compat={"keep": True},
        http={"max_upload": 200_000},
    )
    with thread_server(settings) as running:
        assert post(running.client).status_code == 200
        assert running.client.get("/api/v1/transcribe").json()["total"] == 1
        big = running.client.post(
            "/v1/audio/transcriptions", files={"file": ("b.wav", wav(seconds=60))}, data={"model": "echo"}
        )
        assert big.status_code == 413
        assert big.json()["error"]["code"] == "upload_too_large"
