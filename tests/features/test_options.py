"""Whatever is asked reaches the decoder, from every way in; and what cannot be done is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import countingengine
from tests.conftest import make_settings
from tests.countingengine import repeated
from tests.makecall import samples, wav, wav_bytes
from tests.serving import ServerProcess, thread_server, wait_until
from typer.testing import CliRunner

import tiro
from tiro.cli.main import app
from tiro.errors import InvalidRequest
from tiro.settings import Settings
from tiro.speech.options import TranscriptionOptions

REPEAT = "counting:repeat"
USUAL = {
    "language": None,
    "task": "transcribe",
    "vocabulary": [],
    "prompt": None,
    "beam": 5,
    "temperatures": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
    "word_times": True,
}

# Each as a form has it, as the command line has it, as Python has it, and what the decoder must see.
WAYS: dict[str, tuple[dict[str, Any], list[str], dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, [], {}, {}),
    "language": ({"language": "Hindi"}, ["--language", "hi"], {"language": "hi"}, {"language": "hi"}),
    "task": ({"task": "translate"}, ["--translate"], {"task": "translate"}, {"task": "translate"}),
    "vocabulary": (
        {"vocabulary": ["Tiro,Cicero", "Atticus"]},
        ["--vocabulary", "Tiro,Cicero", "--vocabulary", "Atticus"],
        {"vocabulary": ["Tiro", "Cicero", "Atticus"]},
        {"vocabulary": ["Tiro", "Cicero", "Atticus"]},
    ),
    "prompt": ({"prompt": "Salve"}, ["--prompt", "Salve"], {"prompt": "Salve"}, {"prompt": "Salve"}),
    "beam": ({"beam": "2"}, ["--beam", "2"], {"beam": 2}, {"beam": 2}),
    "temperature": (
        {"temperature": ["0", "0.5"]},
        ["--temperature", "0", "--temperature", "0.5"],
        {"temperatures": [0, 0.5]},
        {"temperatures": [0.0, 0.5]},
    ),
}


IN_SHORT = {"vocabulary", "temperature"}
SOME = [pytest.param(name, marks=[] if name in IN_SHORT else pytest.mark.slow) for name in WAYS]
"""The ways that start an engine each time: some of them where time is short."""


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, engine: Path) -> Iterator[Any]:
    with thread_server(make_settings(tmp_path_factory.mktemp("data"))) as server:
        yield server.client


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("call") / "call.wav"
    path.write_bytes(wav(5))
    return path


@pytest.mark.parametrize("option", WAYS)
def test_by_http(option: str, door: Any) -> None:
    form, _, _, expected = WAYS[option]
    session = door.send_file("call.wav", wav(5), wait=30, engine=REPEAT, **form).json()
    assert session["status"] == "completed", session
    assert repeated(session["transcript"]["segments"][0]["text"]) == USUAL | expected
    asked = session["metadata"]["options"]
    assert {name: value for name, value in asked.items() if name != "engine"} == {
        name: value for name, value in expected.items() if name in asked
    }
    assert set(asked) == {"engine", *expected}


@pytest.mark.parametrize("option", SOME)
def test_by_the_command_line(
    option: str, call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, words, _, expected = WAYS[option]
    monkeypatch.setenv("TIRO_DATA", str(tmp_path))
    done = CliRunner().invoke(
        app, ["transcribe", str(call), "--engine", REPEAT, "--format", "json", *words], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)["transcript"]["segments"][0]["text"]
    assert repeated(said) == USUAL | expected


@pytest.mark.parametrize("option", SOME)
def test_by_python(option: str, call: Path, tmp_path: Path) -> None:
    _, _, arguments, expected = WAYS[option]
    transcript = tiro.transcribe(call, engine=REPEAT, settings=Settings(data=tmp_path), **arguments)
    assert repeated(transcript.segments[0].text) == USUAL | expected


def test_word_times_may_be_left_out(door: Any) -> None:
    session = door.send_file("call.wav", wav(5), wait=30, engine=REPEAT, word_times="false").json()
    assert repeated(session["transcript"]["segments"][0]["text"])["word_times"] is False


@pytest.mark.slow
def test_in_a_mixed_recording_nobody_settles_the_language(door: Any) -> None:
    def languages(language: str) -> list[str | None]:
        form = {"engine": REPEAT, "language": language}
        session = door.send_file("call.wav", wav(100), wait=30, **form).json()
        segments = session["transcript"]["segments"]
        return [repeated(one["text"])["language"] for one in segments if "again" not in one["text"]]

    # From the first window on the language is known, unless each is to be asked.
    assert languages("auto")[-1] == "xx"
    assert set(languages("mixed")) == {None}
    # And who answers in another language has a window of their own.
    assert len(languages("mixed")) > len(languages("auto"))


def test_a_rule_can_be_left_out(door: Any) -> None:
    """The engine's loop is cut, and says by which rule; with that rule off it stays."""
    guarded = door.send_file("call.wav", wav(5), wait=30, engine=REPEAT).json()
    assert {drop["rule"] for drop in guarded["metadata"]["dropped"]} == {"impossible_rate"}
    less = {"guard_off": ["impossible_rate"]}
    looped = door.send_file("call.wav", wav(5), wait=30, engine=REPEAT, **less).json()
    assert {drop["rule"] for drop in looped["metadata"]["dropped"]} == {"repetition"}
    all_off = {"guard_off": "impossible_rate, repetition"}
    free = door.send_file("call.wav", wav(5), wait=30, engine=REPEAT, **all_off).json()
    assert free["metadata"]["dropped"] == []
    assert free["transcript"]["segments"][-1]["text"].count("again") == 30


def test_cross_talk_can_be_left_in(door: Any) -> None:
    """The right side overheard the left one, 15 dB lower; with the rule off both have said it."""
    heard = samples(5)[:, 0]
    leaking = wav_bytes(np.stack([heard, (heard * 0.18).astype(np.int16)], axis=1))
    form = {"engine": REPEAT, "language": "en", "channels": "split"}

    def speakers(**more: str) -> tuple[list[str], set[str]]:
        session = door.send_file("call.wav", leaking, wait=30, **form, **more).json()
        said = [one for one in session["transcript"]["segments"] if "again" not in one["text"]]
        return [one["speaker"] for one in said], {drop["rule"] for drop in session["metadata"]["dropped"]}

    assert speakers() == (["left"], {"cross_talk", "impossible_rate"})
    assert speakers(guard_off="cross_talk") == (["left", "right"], {"impossible_rate"})


def test_settings_hold_for_all(tmp_path: Path, engine: Path) -> None:
    house = {"vocabulary": "Tiro, Cicero", "beam": 3, "guard_off": "impossible_rate,repetition"}
    with thread_server(make_settings(tmp_path / "data", transcription=house)) as server:
        own = {"vocabulary": "Atticus,Tiro"}
        session = server.client.send_file("call.wav", wav(5), wait=30, engine=REPEAT, **own).json()
        seen = repeated(session["transcript"]["segments"][0]["text"])
        assert seen["vocabulary"] == ["Atticus", "Tiro", "Cicero"]
        assert seen["beam"] == 3
        assert session["metadata"]["dropped"] == []
        # What holds for all asks nothing of an engine that cannot do it.
        echoed = server.client.send_file("call.wav", wav(5), wait=30, engine="echo").json()
        assert echoed["status"] == "completed"
        assert [notice["code"] for notice in echoed["metadata"]["notices"]] == ["engine_notice"]


@pytest.mark.slow
def test_options_outlive_a_restart_and_a_retry(tmp_path: Path, engine: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data)
    form = {"engine": REPEAT, "vocabulary": "Tiro", "beam": "2", "guard_off": "repetition"}
    try:
        session_id = server.client.send_file("call.wav", wav(5), **form).json()["session_id"]
        wait_until(lambda: server.client.session(session_id)["status"] == "completed", what="the first run")
    finally:
        server.kill()
    with thread_server(make_settings(data), recover=True) as again:
        again.client.post(f"/api/v1/transcribe/{session_id}/retry")
        session = again.client.until_ended(session_id)
        seen = repeated(session["transcript"]["segments"][0]["text"])
        assert (seen["vocabulary"], seen["beam"]) == (["Tiro"], 2)
        assert session["metadata"]["options"]["guard_off"] == ["repetition"]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"task": "summarise"}, "task"),
        ({"beam": "0"}, "beam"),
        ({"beam": "many"}, "beam"),
        ({"temperature": "1.5"}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": ["0"] * 7}, "temperature"),
        ({"vocabulary": "x" * 101}, "vocabulary"),
        ({"vocabulary": ",".join(f"term{number}" for number in range(201))}, "vocabulary"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"guard_off": "everything"}, "guard_off"),
        ({"word_times": "perhaps"}, "word_times"),
    ],
)
def test_what_is_out_of_bounds_names_its_field(form: dict[str, Any], named: str, door: Any) -> None:
    answer = door.send_file("call.wav", wav(1), engine="echo", **form)
    assert answer.status_code == 422, answer.text
    assert named in answer.json()["detail"]


def test_python_names_the_field_too(call: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="beam"):
        tiro.transcribe(call, engine="echo", beam=99, settings=Settings(data=tmp_path))


def test_a_named_engine_refuses_and_a_chosen_one_tells(door: Any) -> None:
    refused = door.send_file("call.wav", wav(2), wait=30, engine="pocketsphinx", vocabulary="Tiro").json()
    assert refused["status"] == "failed"
    assert refused["error"]["code"] == "unsupported_option"
    assert "vocabulary" in refused["error"]["message"]
    chosen = door.send_file("call.wav", wav(2), wait=60, engine="auto", vocabulary="Tiro", beam="2").json()
    assert chosen["status"] == "completed"
    told = [one for one in chosen["metadata"]["notices"] if one["code"] == "option_ignored"]
    assert ["vocabulary" in one["message"] for one in told] == [True, False]
    translated = door.send_file("call.wav", wav(2), wait=60, engine="auto", task="translate").json()
    assert (translated["status"], translated["error"]["code"]) == ("failed", "unsupported_option")


def test_words_from_a_file(call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIRO_DATA", str(tmp_path))
    (tmp_path / "terms.txt").write_text("Tiro\nMarcus Tullius\n\nTiro\n")
    words = ["transcribe", str(call), "--engine", REPEAT, "--vocabulary"]
    done = CliRunner().invoke(app, [*words, f"@{tmp_path / 'terms.txt'}"], catch_exceptions=False)
    assert repeated(done.stdout)["vocabulary"] == ["Tiro", "Marcus Tullius"]
    missing = CliRunner().invoke(app, [*words, "@nowhere.txt"])
    assert missing.exit_code != 0
    assert "nowhere.txt" in str(missing.exception) + missing.output


def test_what_was_asked_can_be_kept_and_read_back() -> None:
    options = TranscriptionOptions(
        "whisper:tiny", "de", vocabulary=("Tiro",), temperatures=(0.0, 0.5), beam=1
    )
    kept = json.loads(json.dumps(options.asked()))
    assert TranscriptionOptions.from_asked(kept) == options
    assert TranscriptionOptions().asked() == {}
