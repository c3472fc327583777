"""What a user sets for all their recordings: it reaches the decoder, whichever way a recording comes in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import countingengine, tinywhisper
from tests.commands import run_here
from tests.conftest import make_settings
from tests.countingengine import repeated
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

import tiro
from tiro.bootstrap.speech import build_speech
from tiro.engines.base import Capabilities
from tiro.engines.registry import EngineSpec
from tiro.errors import InvalidRequest, UnsupportedLanguage
from tiro.features.transcription import wishes
from tiro.speech.options import MAX_TERMS, Defaults, TranscriptionOptions, spoken

DOOR = "/api/v1/transcribe"
MINE = "/api/v1/me/transcription-defaults"
REPEAT = "counting:repeat"
SPEECH = wav(5)
SETTINGS = {"vocabulary": "Cicero,Tiro", "prompt": "of the machine", "language": "fr"}
SCRIPT = "the quick brown fox jumps over the over brown quick fox over"
OWN = {"vocabulary": ["Tiro", "Marcus Tullius"], "prompt": "Salve", "language": "hi"}
ALL = {"vocabulary": ["Tiro", "Marcus Tullius", "Cicero"], "prompt": "Salve", "language": "hi"}
"""What the decoder must be told of a recording of Ann's that asks for nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with defaults of its own, whose engine repeats what it is told."""
    data = tmp_path_factory.mktemp("data")
    engine = {"download": False, "default": REPEAT}
    settings = make_settings(data, engine=engine, transcription=SETTINGS, compat={"keep": True})
    with (
        countingengine.installed(tmp_path_factory.mktemp("engine")),
        thread_server(settings) as running,
    ):
        for name in ("ann", "bob"):
            running.runtime.users.create(name)
        yield running


def client_of(server: ThreadServer, name: str) -> Client:
    return Client(server.address, server.runtime.keys.create("key", name)[1])


@pytest.fixture
def bob(server: ThreadServer) -> Iterator[Client]:
    with client_of(server, "bob") as client:
        yield client


@pytest.fixture
def ann(server: ThreadServer) -> Iterator[Client]:
    with client_of(server, "ann") as client:
        assert client.patch(MINE, json=OWN).json() == OWN
        yield client
        client.patch(MINE, json=dict.fromkeys(OWN))


def heard(client: Client, session_id: str) -> dict[str, Any]:
    """What the decoder was told, of what defaults may hold."""
    session = client.until_ended(session_id)
    assert session["status"] == "completed", session
    said = repeated(session["transcript"]["segments"][0]["text"])
    return {name: said[name] for name in OWN}


def by_the_door(client: Client, folder: Path) -> str:
    return str(client.send_file("call.wav", SPEECH, engine=REPEAT).json()["session_id"])


def by_tus(client: Client, folder: Path) -> str:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(SPEECH))}
    headers["Upload-Metadata"] = f"engine {b64encode(REPEAT.encode()).decode()}"
    headers["Content-Type"] = "application/offset+octet-stream"
    answer = client.post("/api/v1/uploads", headers=headers, content=SPEECH)
    return str(answer.headers["Tiro-Session"])


def by_openai(client: Client, folder: Path) -> str:
    files, data = {"file": ("call.wav", SPEECH)}, {"model": "whisper-1"}
    assert client.post("/v1/audio/transcriptions", files=files, data=data).status_code == 200
    return str(client.get(DOOR).json()["items"][0]["session_id"])


def by_a_batch(client: Client, folder: Path) -> str:
    answer = client.post("/api/v1/batches", files={"audio": ("call.wav", SPEECH)}, data={"engine": REPEAT})
    batch = client.get(f"/api/v1/batches/{answer.json()['batch_id']}").json()
    return str(batch["files"][0]["session_id"])


def by_a_folder(client: Client, folder: Path) -> str:
    (folder / "call.wav").write_bytes(SPEECH)
    key = client.headers["Authorization"].removeprefix("Bearer ")
    with tiro.Client(str(client.base_url), key) as python:
        batch = python.batch([folder / "call.wav"], engine=REPEAT)
        return batch.files[0].id


def by_a_retry(client: Client, folder: Path) -> str:
    """Of a recording that came before there were any defaults."""
    client.patch(MINE, json=dict.fromkeys(OWN))
    kept = by_the_door(client, folder)
    assert heard(client, kept) == SETTINGS | {"vocabulary": ["Cicero", "Tiro"]}
    client.patch(MINE, json=OWN)
    client.post(f"{DOOR}/{kept}/retry")
    return kept


@pytest.mark.parametrize(
    "way", [by_the_door, by_tus, by_openai, by_a_batch, by_a_folder, by_a_retry], ids=lambda way: way.__name__
)
def test_every_way_in_reaches_the_decoder(
    way: Callable[[Client, Path], str], ann: Client, tmp_path: Path
) -> None:
    assert heard(ann, way(ann, tmp_path)) == ALL


def test_the_request_comes_first(ann: Client) -> None:
    def told(**form: str) -> tuple[dict[str, Any], dict[str, Any]]:
        session = ann.send_file("call.wav", SPEECH, wait=30, engine=REPEAT, **form).json()
        return heard(ann, session["session_id"]), session["metadata"]

    said, about = told(vocabulary="Atticus,Marcus Tullius", prompt="Ave", language="en")
    assert said == {
        "vocabulary": ["Atticus", "Marcus Tullius", "Tiro", "Cicero"],
        "prompt": "Ave",
        "language": "en",
    }
    assert about["options"]["vocabulary"] == ["Atticus", "Marcus Tullius"]
    assert about["defaults"] == {"user": {"vocabulary": ["Tiro"]}, "settings": {"vocabulary": ["Cicero"]}}
    assert told(language="auto")[0]["language"] is None
    assert told(language="mixed")[0]["language"] is None
    said, about = told()
    assert about["defaults"] == {"user": OWN, "settings": {"vocabulary": ["Cicero"]}}
    assert about["language"] == "hi"


def test_the_real_decoder_is_told(tmp_path: Path) -> None:
    """The scripted model begins later in its text with each token before the start of its prompt."""
    tinywhisper.make(tmp_path / "data/models/tiny", text=SCRIPT)
    with thread_server(make_settings(tmp_path / "data")) as server:

        def text(**form: str) -> str:
            form["engine"] = "whisper:tiny"
            session = server.client.send_file("call.wav", SPEECH, wait=60, **form).json()
            assert session["status"] == "completed", session
            said = session["transcript"]["segments"]
            return f"{said[0]['language']}: " + " ".join(one["text"] for one in said)

        plain, asked = text(), text(vocabulary="fox", prompt="over", language="hi")
        assert (plain, asked) == ("de: the quick brown fox", "hi: fox over")
        server.client.patch(MINE, json={"vocabulary": ["fox"], "prompt": "over", "language": "hi"})
        assert text() == asked
        assert text(language="auto") == "de: fox over"


def test_it_is_the_owners_and_nobody_else_sees_it(server: ThreadServer, ann: Client, bob: Client) -> None:
    kept = by_the_door(ann, Path())
    heard(ann, kept)
    ann.post(f"{DOOR}/{kept}/shares", json={"user": "bob", "role": "editor"})
    link = ann.post(f"{DOOR}/{kept}/links", json={}).json()
    bob.patch(MINE, json={"vocabulary": ["Bob's own"]})
    for path in ("", "/transcript.json"):
        assert ann.get(f"{DOOR}/{kept}{path}").json()["metadata"]["defaults"]["user"] == OWN
    token = link["link"].rpartition("/")[2]
    for client, base in ((bob, f"{DOOR}/{kept}"), (bob, f"/api/v1/shared/{token}")):
        for path in (base, f"{base}/transcript.json"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert answer.json()["metadata"]["defaults"] is None
            assert "Marcus Tullius" not in answer.text
    bob.post(f"{DOOR}/{kept}/retry")
    assert heard(ann, kept) == ALL
    assert heard(bob, by_the_door(bob, Path()))["vocabulary"] == ["Bob's own", "Cicero", "Tiro"]


def test_what_an_engine_cannot_do_has_no_effect_and_is_told(ann: Client) -> None:
    session = ann.send_file("call.wav", SPEECH, wait=30, engine="echo").json()
    assert session["status"] == "completed", session
    about = session["metadata"]
    assert about["defaults"] == {}
    told = [(one["code"], one["message"]) for one in about["notices"]]
    assert [code for code, _ in told] == ["engine_notice", *["option_ignored"] * 3]
    for (_, message), name in zip(told[1:], ("vocabulary", "prompt", "language"), strict=True):
        assert f"the user's '{name}' had no effect" in message


def test_a_language_that_an_engine_lacks(ann: Client) -> None:
    english = Capabilities("english", languages=frozenset({"en"}), heeds=frozenset({"vocabulary"}))
    said = Defaults(("Tiro",), None, "hi")
    options, used = wishes.completed(TranscriptionOptions(), {"user": said}, english)
    assert options == TranscriptionOptions(vocabulary=("Tiro",))
    assert used == {"user": {"vocabulary": ["Tiro"]}}
    spec = EngineSpec("english")
    [notice] = wishes.unused(TranscriptionOptions(), said, spec, english)
    assert "'hi'" in notice.message
    assert wishes.unused(TranscriptionOptions(language="en"), said, spec, english) == []
    # Nobody can ask an engine that knows one language to look for another.
    assert wishes.completed(TranscriptionOptions(), {"user": Defaults(language="mixed")}, english)[1] == {}


def test_together_they_are_no_more_than_one_request_may_say() -> None:
    every = Capabilities("every", heeds=frozenset({"vocabulary"}))
    own = tuple(f"own {number}" for number in range(MAX_TERMS - 1))
    options, used = wishes.completed(
        TranscriptionOptions(vocabulary=own), {"user": Defaults(("own 0", "first", "second"))}, every
    )
    assert options.vocabulary == (*own, "first")
    assert used == {"user": {"vocabulary": ["first"]}}


def test_mixed_by_default(ann: Client) -> None:
    assert ann.patch(MINE, json={"language": "mixed"}).json()["language"] == "mixed"
    session = ann.send_file("call.wav", SPEECH, wait=30, engine=REPEAT).json()
    assert session["metadata"]["defaults"]["user"]["language"] == "mixed"
    assert heard(ann, session["session_id"])["language"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"vocabulary": ["x" * 101]}, "invalid_request"),
        ({"vocabulary": [f"term {number}" for number in range(201)]}, "invalid_request"),
        ({"vocabulary": ["one, two"]}, "invalid_request"),
        ({"vocabulary": [" "]}, "invalid_request"),
        ({"vocabulary": ["a\x00b"]}, "invalid_request"),
        ({"vocabulary": "Tiro"}, "invalid_request"),
        ({"prompt": "x" * 2001}, "invalid_request"),
        ({"prompt": "a\x00b"}, "invalid_request"),
        ({"language": "klingon"}, "unsupported_language"),
        ({"beam": 3}, None),
    ],
)
def test_bad_input_changes_nothing(body: dict[str, Any], code: str | None, ann: Client) -> None:
    answer = ann.patch(MINE, json=body)
    assert answer.status_code == (422 if code else 200), answer.text
    if code:
        assert answer.json()["code"] == code
    assert ann.get(MINE).json() == OWN


def test_what_is_not_named_stays(ann: Client) -> None:
    assert ann.patch(MINE, json={"prompt": "  "}).json() == OWN | {"prompt": None}
    assert ann.patch(MINE, json={"language": "German"}).json()["language"] == "de"
    said = ann.patch(MINE, json={"vocabulary": ["a  b", "a b"], "language": "auto"}).json()
    assert said == {"vocabulary": ["a b"], "prompt": None, "language": None}


def test_the_log_tells_of_the_change_and_no_word(server: ThreadServer, ann: Client) -> None:
    ann.patch(MINE, json={"vocabulary": ["secret project"]})
    ann.patch(MINE, json={"vocabulary": ["secret project"]})  # which is no change
    entries = ann.get("/api/v1/me/activity").json()
    newest, before = entries["items"][:2]
    assert newest["action"] == "defaults.changed"
    assert newest["details"] == {"changed": ["vocabulary"], "terms": 1}
    assert "secret" not in str(entries)
    assert before["details"] == {"changed": ["vocabulary", "prompt", "language"], "terms": 2}


def test_from_python(server: ThreadServer, bob: Client) -> None:
    with tiro.Client(server.address, bob.headers["Authorization"].removeprefix("Bearer ")) as client:
        said = Defaults(("Tiro",), None, "hi")
        assert client.change_defaults(vocabulary=("Tiro",), language="Hindi") == said
        said = Defaults(("Tiro",), "Salve", "hi")
        assert client.change_defaults(prompt="Salve") == client.defaults() == said
        assert client.transcribe(SPEECH, engine=REPEAT).defaults["user"]["vocabulary"] == ["Tiro"]
        with pytest.raises(UnsupportedLanguage):
            client.change_defaults(language="klingon")
        assert client.change_defaults(vocabulary=None, prompt=None, language=None) == Defaults()


def test_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIRO_DATA", str(tmp_path))

    def vocabulary(*words: str) -> list[str]:
        done = run_here(monkeypatch, capsys, "vocabulary", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    (tmp_path / "terms.txt").write_text("Cicero\nTiro\n")
    vocabulary("add", "Tiro, Atticus", "Tiro")
    vocabulary("add", f"@{tmp_path / 'terms.txt'}")
    assert vocabulary("list") == ["Tiro", "Atticus", "Cicero"]
    vocabulary("remove", "Atticus", "nobody")
    assert vocabulary("list") == ["Tiro", "Cicero"]
    run_here(monkeypatch, capsys, "users", "add", "ann")
    assert vocabulary("list", "--user", "ann") == []
    many = ",".join(f"term {number}" for number in range(200))
    full = run_here(monkeypatch, capsys, "vocabulary", "add", many)
    assert (full.returncode, "at most 200" in full.stderr) == (2, True)
    assert vocabulary("list") == ["Tiro", "Cicero"]
    nobody = run_here(monkeypatch, capsys, "vocabulary", "list", "--user", "nobody")
    assert (nobody.returncode, "no user named nobody" in nobody.stderr) == (2, True)


def test_settings_out_of_bounds(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLanguage):
        build_speech(make_settings(tmp_path, transcription={"language": "klingon"}))
    with pytest.raises(InvalidRequest, match="prompt"):
        build_speech(make_settings(tmp_path, transcription={"prompt": "x" * 2001}))


def test_one_word_decides_the_language() -> None:
    assert spoken("auto") == (None, False, True)
    assert spoken(None) == spoken(" ") == (None, False, False)
    assert spoken("Mixed") == (None, True, False)
    assert spoken("Hindi") == ("hi", False, False)
