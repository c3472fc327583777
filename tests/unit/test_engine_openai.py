"""The `openai` engine against a real HTTP server that does all a server can do wrong."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import speechserver
from tests.speechserver import SpeechServer, Step, error, reply, serving, verbose

from tiro.engines.base import DecodingOptions, RemoteOptions, TranscribeRequest
from tiro.engines.openai import answers
from tiro.engines.openai.client import Client, Patience
from tiro.engines.openai.engine import OpenAIEngine
from tiro.errors import (
    ModelUnavailable,
    QuotaExceeded,
    RemoteBusy,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    TiroError,
    UnsupportedLanguage,
    UnsupportedOption,
)
from tiro.kit.headers import retry_after
from tiro.speech.types import SAMPLE_RATE, Audio, Segment, Task

KEY = "sk-a-secret/key"
QUICK = Patience(first_wait=0.001, longest_wait=0.002, total=20.0)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving() as running:
        yield running


@pytest.fixture
def engine(server: SpeechServer) -> Iterator[OpenAIEngine]:
    made = connect(server.address)
    yield made
    made.close()


def connect(url: str, model: str = "whisper-1", patience: Patience = QUICK, **more: Any) -> OpenAIEngine:
    return OpenAIEngine(Client(RemoteOptions(url, KEY, **more), patience), model)


def speech(seconds: float = 6.0) -> Audio:
    return np.sin(np.arange(round(seconds * SAMPLE_RATE)) / 10).astype(np.float32) / 3


def say(engine: OpenAIEngine, language: str | None = None, task: Task = "transcribe") -> list[Segment]:
    return list(engine.transcribe(TranscribeRequest(speech(), language, task)))


def failure(engine: OpenAIEngine, **more: Any) -> TiroError:
    with pytest.raises(TiroError) as caught:
        say(engine, **more)
    return caught.value


# --- what is sent, what comes back ----------------------------------------------------------------------


def test_words_come_as_the_text_writes_them_with_the_times_of_the_server(engine: OpenAIEngine) -> None:
    first, second = say(engine)
    assert [first.text, second.text] == speechserver.TEXTS
    assert [(word.text, word.start, word.end) for word in first.words] == [
        ("Hello", 0.0, 1.0),
        ("there,", 1.0, 2.0),
        ("Tiro!", 2.0, 3.0),
    ]
    assert [word.text for word in second.words] == ["How", "are", "you?"]
    assert (second.start, second.end, second.language) == (3.0, 6.0, "en")
    assert first.confidence == pytest.approx(math.exp(-0.25))
    assert first.quality is not None
    assert first.quality.no_speech_prob == 0.01


def test_every_field_reaches_the_server(engine: OpenAIEngine, server: SpeechServer) -> None:
    say(engine, "de")
    [upload] = server.uploads
    assert upload.path == "/v1/audio/transcriptions"
    assert upload.headers["Authorization"] == f"Bearer {KEY}"
    assert upload.fields == {
        "model": ["whisper-1"],
        "language": ["de"],
        "temperature": ["0"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
    }
    assert (upload.samples, upload.kind) == (6 * SAMPLE_RATE, "audio/flac")


def test_translation_goes_to_its_own_address_without_a_language(
    engine: OpenAIEngine, server: SpeechServer
) -> None:
    [first, _] = say(engine, "hi", "translate")
    [upload] = server.uploads
    assert upload.path == "/v1/audio/translations"
    assert upload.fields.keys() == {"model", "temperature", "response_format"}
    assert first.language == "hi"


def test_wishes_about_decoding_reach_the_server(engine: OpenAIEngine, server: SpeechServer) -> None:
    wishes = DecodingOptions(("Tiro", "CTranslate2"), "A call.", temperatures=(0.2,), word_times=False)
    assert engine.capabilities.heeds == {"vocabulary", "prompt", "temperatures", "word_times"}
    segments = list(engine.transcribe(TranscribeRequest(speech(), decoding=wishes)))
    assert [segment.words for segment in segments] == [(), ()]
    list(engine.transcribe(TranscribeRequest(speech(), decoding=DecodingOptions(("a" * 450, "b" * 90, "c")))))
    first, second = [upload.fields for upload in server.uploads]
    assert first["prompt"] == ["A call. Tiro, CTranslate2"]
    assert first["temperature"] == ["0.2"]
    assert first["timestamp_granularities[]"] == ["segment"]
    assert second["prompt"] == ["a" * 450]


def test_without_a_key_none_is_sent(server: SpeechServer) -> None:
    engine = OpenAIEngine(Client(RemoteOptions(server.address), QUICK), "whisper-1")
    say(engine)
    engine.close()
    assert "Authorization" not in server.uploads[0].headers


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, "not supported", param="timestamp_granularities"),
        reply(422, {"detail": [{"loc": ["body", "timestamp_granularities[]"], "msg": "extra field"}]}),
    ],
)
def test_a_server_that_knows_less_is_asked_for_less_from_then_on(
    engine: OpenAIEngine, server: SpeechServer, refusal: Step
) -> None:
    server.script.extend([refusal, error(400, "response_format 'verbose_json' is not compatible")])
    [segment] = say(engine)
    assert (segment.start, segment.end, segment.text) == (0.0, 6.0, " ".join(speechserver.TEXTS))
    assert (segment.words, segment.confidence, segment.language) == ((), None, None)
    say(engine, "en")
    asked = [
        (upload.fields["response_format"][0], "timestamp_granularities[]" in upload.fields)
        for upload in server.uploads
    ]
    assert asked == [("verbose_json", True), ("verbose_json", False), ("json", False), ("json", False)]


def test_models_that_know_plain_json_only_are_asked_for_that(server: SpeechServer) -> None:
    engine = connect(server.address, "gpt-4o-transcribe")
    assert len(say(engine, "en")) == 1
    assert [upload.fields["response_format"] for upload in server.uploads] == [["json"]]
    with pytest.raises(UnsupportedOption, match="gpt-4o-transcribe"):
        say(engine, task="translate")
    engine.close()


@pytest.mark.parametrize("audio", [np.zeros(SAMPLE_RATE, np.float32), speech(0.05), speech(0.0)])
def test_what_holds_no_speech_is_not_sent(engine: OpenAIEngine, server: SpeechServer, audio: Audio) -> None:
    assert list(engine.transcribe(TranscribeRequest(audio))) == []
    assert server.uploads == []


def test_a_window_at_its_longest_is_below_the_limit_of_openai() -> None:
    from tiro.engines.openai.engine import flac

    # Noise at full scale cannot be compressed.
    noise = np.random.default_rng(1).uniform(-1, 1, 60 * SAMPLE_RATE).astype(np.float32)
    assert len(flac(noise)) * 10 < 25_000_000


# --- trying again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        error(429, code="rate_limit_exceeded", Retry_After="0"),
        error(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        error(429, Retry_After="soon"),
        error(500),
        error(503),
        error(408),
        error(409),
        reply(502, "<html>bad gateway</html>"),
        speechserver.reset,
        speechserver.cut,
    ],
)
def test_what_passes_is_tried_again(engine: OpenAIEngine, server: SpeechServer, fault: Step) -> None:
    server.script.extend([fault, fault])
    assert len(say(engine)) == 2
    assert len(server.uploads) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(error(500), RemoteUnavailable), (error(429), RemoteBusy), (speechserver.reset, RemoteUnavailable)],
)
def test_five_tries_are_enough(
    engine: OpenAIEngine, server: SpeechServer, fault: Step, kind: type[TiroError]
) -> None:
    server.script.extend([fault] * 9)
    found = failure(engine)
    assert type(found) is kind
    assert found.transient
    assert len(server.uploads) == 5


def test_a_server_that_asks_for_more_time_than_there_is_gets_one_request(
    engine: OpenAIEngine, server: SpeechServer
) -> None:
    server.script.append(error(429, Retry_After="3600"))
    found = failure(engine)
    assert isinstance(found, RemoteBusy)
    assert found.retry_after == 3600
    assert len(server.uploads) == 1


def test_nobody_listens() -> None:
    with serving() as gone:
        address = gone.address
    engine = connect(address)
    found = failure(engine)
    engine.close()
    assert type(found) is RemoteUnavailable
    assert "TIRO_OPENAI_URL" in found.message


@pytest.mark.parametrize("fault", [speechserver.hang, speechserver.drip])
def test_no_try_goes_on_for_ever(server: SpeechServer, fault: Step) -> None:
    server.script.extend([fault] * 2)
    engine = connect(server.address, patience=Patience(tries=2, first_wait=0.001), answer_seconds=0.2)
    found = failure(engine)
    engine.close()
    assert type(found) is RemoteUnavailable
    assert "in time" in found.message
    assert server.left.wait(60)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("nan", None), ("soon", None), ("", None), (None, None)],
)
def test_how_long_the_server_asks_us_to_wait(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, lambda: datetime.now(UTC)) == seconds


def test_a_date_to_wait_for() -> None:
    now = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
    later = now.replace(minute=2)
    assert retry_after(format_datetime(later, usegmt=True), lambda: now) == 120
    assert retry_after(format_datetime(later.replace(tzinfo=None)), lambda: now) == 120  # "-0000"
    assert retry_after(format_datetime(now, usegmt=True), lambda: later) == 0


def test_waits_grow_and_differ_within_bounds() -> None:
    patience = Patience(first_wait=1.0, longest_wait=4.0)
    for tried, longest in [(1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)]:
        waits = [patience.wait(tried) for _ in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


# --- what is of no use to try again ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(429, "You exceeded your current quota", code="insufficient_quota"), QuotaExceeded),
        (reply(429, {"error": {"message": "x", "type": "insufficient_quota", "code": None}}), QuotaExceeded),
        (error(402), QuotaExceeded),
        (error(401, code="invalid_api_key"), RemoteUnauthorized),
        (error(403), RemoteUnauthorized),
        (reply(401, ""), RemoteUnauthorized),
        (error(404, code="model_not_found"), ModelUnavailable),
        (error(400, "Invalid model", param="model"), ModelUnavailable),
        (reply(404, "<html>nothing here</html>"), RemoteRefused),
        (error(400, "strange", code="{}"), RemoteRefused),
        (reply(400, {"error": {"message": ["a"], "code": {"b": 1}, "type": [2]}}), RemoteRefused),
        (reply(400, [1, 2]), RemoteRefused),
        (error(413), RemoteRefused),
        (error(501), RemoteRefused),
    ],
)
def test_a_refusal_is_told_as_what_it_is_at_once(
    engine: OpenAIEngine, server: SpeechServer, answer: Step, kind: type[TiroError]
) -> None:
    server.script.append(answer)
    found = failure(engine)
    assert type(found) is kind
    assert not found.transient
    assert len(server.uploads) == 1


def test_a_language_that_the_server_lacks(engine: OpenAIEngine) -> None:
    assert isinstance(failure(engine, language="xx"), UnsupportedLanguage)


def test_a_server_that_cannot_translate(engine: OpenAIEngine, server: SpeechServer) -> None:
    server.script.append(error(404))
    assert isinstance(failure(engine, task="translate"), UnsupportedOption)


def test_the_key_follows_no_redirection(engine: OpenAIEngine, server: SpeechServer) -> None:
    with serving() as elsewhere:
        server.script.append(reply(307, "", Location=f"{elsewhere.address}/audio/transcriptions"))
        assert isinstance(failure(engine), RemoteRefused)
        assert elsewhere.uploads == []


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"Incorrect API key provided: {KEY}", "code": KEY, "param": KEY}},
        json.dumps({"error": {"message": KEY}}).replace("/", "\\/"),
        f"Your key {KEY} is wrong",
        "x" * 290 + KEY,
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_a_key_that_the_server_says_back_is_not_repeated(
    engine: OpenAIEngine, server: SpeechServer, body: Any, status: int
) -> None:
    server.script.extend([reply(status, body)] * 5)
    found = failure(engine)
    assert KEY[:6] not in found.message
    assert "secret" not in f"{found!r} {found.__cause__!r}"


# --- answers that are none ---------------------------------------------------------------------------------


def changed(**fields: Any) -> dict[str, Any]:
    whole = verbose(6.0)
    for name, value in fields.items():
        whole["segments"][0][name] = value
    return whole


@pytest.mark.parametrize(
    "body",
    [
        "<!doctype html><title>Welcome</title>",
        '{"text": "Hel',
        "",
        "[1]",
        "[" * 100_000,
        {"error": {"message": "an error inside a 200"}},
        {"text": None},
        {"text": 7},
        {"text": "x", "segments": {}},
        {"text": "x", "segments": ["x"]},
        {"text": "x", "words": [None]},
        {"text": "x", "words": [{"word": "x", "start": "0", "end": "1"}]},
        changed(start=math.nan),
        changed(end=math.inf),
        changed(end=10**400),
        changed(start=-50.0),
        changed(end=99.0),
        changed(start="0"),
        changed(start=True),
        changed(start=None),
        changed(text=None),
        changed(avg_logprob="high"),
    ],
    ids=lambda body: repr(body)[:40],
)
def test_nonsense_is_told_as_such(engine: OpenAIEngine, server: SpeechServer, body: Any) -> None:
    server.script.append(reply(200, body))
    found = failure(engine)
    assert type(found) is RemoteNonsense
    assert len(found.message) < 400
    assert len(say(engine)) == 2


def test_an_answer_without_end_is_cut_off(engine: OpenAIEngine, server: SpeechServer) -> None:
    server.script.append(reply(200, gzip.compress(b" " * 9_000_000), Content_Encoding="gzip"))
    assert "8 MB" in failure(engine).message
    server.script.append(reply(200, b"no gzip", Content_Encoding="gzip"))
    assert "compression" in failure(engine).message


def test_times_that_stick_out_a_little_are_brought_in() -> None:
    whole = verbose(6.0)
    whole["segments"][0] |= {"start": -0.4, "end": 4.0}
    whole["segments"][1] |= {"start": 3.5, "end": 29.9, "avg_logprob": math.nan}
    whole["words"][5] |= {"start": 5.5, "end": 29.9}
    first, second = answers.segments(whole, 6.0, None)
    assert [(first.start, first.end), (second.start, second.end)] == [(0.0, 4.0), (4.0, 6.0)]
    assert (second.words[0].start, second.words[-1].end) == (4.0, 6.0)
    assert second.confidence is None


def test_a_word_that_the_list_lacks_takes_the_room_between_its_neighbours() -> None:
    whole = verbose(6.0)
    del whole["words"][1]
    first, _ = answers.segments(whole, 6.0, None)
    assert [(word.text, word.start, word.end) for word in first.words] == [
        ("Hello", 0.0, 1.0),
        ("there,", 1.0, 2.0),
        ("Tiro!", 2.0, 3.0),
    ]
    assert " ".join(word.text for word in first.words) == first.text


def test_a_script_without_spaces_keeps_the_words_of_the_server() -> None:
    words = [{"word": word, "start": place, "end": place + 1} for place, word in enumerate(["你", "好"])]
    [segment] = answers.segments({"text": "你好。", "language": "chinese", "words": words}, 6.0, None)
    assert [word.text for word in segment.words] == ["你", "好"]
    assert (segment.start, segment.end, segment.language) == (0.0, 2.0, "zh")


def test_text_can_be_written_anywhere() -> None:
    [segment] = answers.segments(json.loads('{"text": "a\\ud800 \\u0000b\\n c"}'), 6.0, "en")
    assert segment.text.encode() == b"a? b c"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.floats(-2, 40) | VALUES
PIECES = st.fixed_dictionaries(
    {"start": TIMES, "end": TIMES},
    optional={"text": st.text(max_size=20) | VALUES, "word": st.text(max_size=8), "avg_logprob": VALUES},
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=30) | VALUES,
        "language": VALUES,
        "segments": st.lists(PIECES, max_size=4) | VALUES,
        "words": st.lists(PIECES, max_size=6) | VALUES,
    },
)


@given(ANSWERS, st.floats(0.1, 30.0))
def test_any_answer_is_segments_in_order_or_a_typed_error(answer: dict[str, Any], duration: float) -> None:
    try:
        found = answers.segments(answer, duration, None)
    except RemoteNonsense:
        return
    edges = [0.0, *(time for item in found for time in (item.start, item.end)), duration]
    assert edges == sorted(edges)
    for item in found:
        inner = [item.start, *(time for word in item.words for time in (word.start, word.end)), item.end]
        assert inner == sorted(inner)
        assert item.text == item.text.strip() != ""
        item.text.encode()
        assert item.confidence is None or 0 <= item.confidence <= 1


# --- stopping ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [speechserver.hang, speechserver.drip])
def test_cancelling_closes_the_connection(engine: OpenAIEngine, server: SpeechServer, fault: Step) -> None:
    server.script.append(fault)
    stop = threading.Event()

    def cancel() -> None:
        assert server.arrived.wait(60)
        stop.set()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    # Nothing but the cancellation ends this: a try may take two minutes.
    assert list(engine.transcribe(TranscribeRequest(speech(), stop=stop))) == []
    canceller.join()
    assert server.left.wait(60)
    assert len(say(engine)) == 2


def test_cancelling_ends_the_wait_for_another_try(engine: OpenAIEngine, server: SpeechServer) -> None:
    server.script.append(error(429, Retry_After="15"))
    stop = threading.Event()
    stopper = threading.Thread(target=lambda: (server.arrived.wait(60), stop.set()))
    stopper.start()
    assert list(engine.transcribe(TranscribeRequest(speech(), stop=stop))) == []
    stopper.join()
    assert len(server.uploads) == 1


def test_an_engine_that_is_let_go_closes_its_connections_even_inside_another_loop(
    server: SpeechServer,
) -> None:
    engines = [connect(server.address)]
    say(engines[0])

    async def let_go() -> None:
        engines.clear()
        gc.collect()

    # What is left open, or fails on the way, is a warning, and those are errors here.
    asyncio.run(let_go())
    gc.collect()
