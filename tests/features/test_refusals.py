"""Bad input at the door: a typed error with a sentence, and nothing left behind."""

from __future__ import annotations

import pytest
from tests.makecall import silence, wav
from tests.serving import Client, ThreadServer, thread_server

SPEECH = wav(seconds=2)


@pytest.fixture
def client(server: ThreadServer) -> Client:
    return server.client


REFUSED = {
    "text": (b"This is a letter, not a recording.\n" * 100, 415, "unsupported_media"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(500), 415, "unsupported_media"),
    "empty": (b"", 422, "empty_media"),
    "playlist": (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", 415, "unsupported_media"),
    "header only": (SPEECH[:20], 415, "unsupported_media"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_refused_and_forgotten(server: ThreadServer, name: str) -> None:
    data, status, code = REFUSED[name]
    answer = server.client.send_file("talk.mp3", data)
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] in {code, "corrupt_media"}
    assert answer.status_code in {status, 422}
    assert problem["detail"].endswith(".")
    assert set(server.runtime.storage.inventory()) == server.runtime.recordings.ids()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"engine": "siri"}, "unknown_engine"),
        ({"engine": "whisper:no-such-model"}, "unknown_engine model_unavailable"),
        ({"engine": "whisper:/etc"}, "unknown_engine"),
        ({"engine": "whisper:../models/small"}, "unknown_engine"),
        ({"language": "klingon"}, "unsupported_language"),
        ({"channels": "sideways"}, "invalid_request"),
        ({"priority": "now"}, "invalid_request"),
        ({"title": "x" * 2000}, "invalid_request"),
    ],
)
def test_options_that_do_not_fit(client: Client, fields: dict[str, str], code: str) -> None:
    answer = client.send_file("call.wav", SPEECH, **fields)
    assert answer.status_code in {422, 503}
    assert answer.json()["code"] in code.split()


def test_a_language_that_the_engine_lacks_fails_the_job_with_its_reason(server: ThreadServer) -> None:
    sent = {"engine": "pocketsphinx", "language": "de"}
    for _ in range(2):  # the second time the engine is known, and nothing is written before the check
        session = server.client.send_file("call.wav", SPEECH, wait=30, **sent).json()
        assert session["status"] == "failed"
        assert session["error"]["code"] == "unsupported_language"
        with server.runtime.database.read() as reading:
            assert server.runtime.jobs.latest(reading, session["session_id"]).media["codec"] == "pcm_s16le"


def test_quiet_recordings_are_no_error(client: Client) -> None:
    for data in (silence(5), silence(0.001), wav(0.001)):
        session = client.send_file("quiet.wav", data, wait=30).json()
        assert session["status"] == "completed", session
        assert session["transcript"]["segments"] == []


def test_a_truncated_file_gives_what_it_holds_and_says_so(client: Client) -> None:
    whole = wav(seconds=8)
    session = client.send_file("cut.wav", whole[: len(whole) // 2], wait=30).json()
    assert session["status"] == "completed"
    assert session["metadata"]["duration"] == pytest.approx(4, abs=0.1)
    assert session["transcript"]["segments"]
    assert "media_truncated" in {notice["code"] for notice in session["metadata"]["notices"]}


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "-i", "concat:a|b", "a\r\nSet-Cookie: x=1", "\u202egpj.exe", "x" * 4096, "nul\x00l"],
)
def test_hostile_names_are_only_text(client: Client, server: ThreadServer, name: str) -> None:
    boundary = "----b"
    shown = name.replace('"', "")
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="engine"\r\n\r\necho\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="{shown}"\r\n\r\n'
        ).encode()
        + SPEECH
        + f"\r\n--{boundary}--\r\n".encode()
    )
    answer = client.post(
        "/api/v1/transcribe",
        content=body,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert answer.status_code in {202, 422}, answer.text
    if answer.status_code == 202:
        session_id = answer.json()["session_id"]
        title = answer.json()["title"]
        assert "/" not in title
        assert "\u202e" not in title
        assert len(title) <= 200
        media = client.get(f"/api/v1/transcribe/{session_id}/media")
        assert "set-cookie" not in media.headers
        assert media.content == SPEECH
    assert set(server.runtime.storage.inventory()) == server.runtime.recordings.ids()


def test_a_recording_without_a_name_is_no_file(client: Client, server: ThreadServer) -> None:
    before = set(server.runtime.storage.inventory())
    for part in ({"audio": (None, SPEECH)}, {"audio": (None, "words")}):
        answer = client.post("/api/v1/transcribe", files=part)
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"].startswith("audio: it must come as a file")
    assert set(server.runtime.storage.inventory()) == before


def test_forms_that_are_none(client: Client, server: ThreadServer) -> None:
    post = "/api/v1/transcribe"
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    many = part * 1000 + b"--b--\r\n"
    answers = [
        client.post(post, json={"audio": "x"}),
        client.post(post),
        client.post(post, data={"engine": "echo"}, files={"other": b"x"}),
        client.post(post, content=b"garbage", headers=form),
        client.post(post, content=b"x", headers={"Content-Type": "multipart/form-data"}),
        client.post(post, content=b'--b\r\nContent-Disposition: form-data; name="audio"', headers=form),
        client.post(post, files=[("audio", ("a.wav", SPEECH)), ("audio", ("b.wav", SPEECH))]),
        client.post(post, data={f"field{n}": "x" for n in range(100)}, files={"audio": SPEECH}),
        client.post(post, data={"title": "x" * 100_000}, files={"audio": SPEECH}),
        client.post(post, content=many, headers=form),
    ]
    for answer in answers:
        assert answer.status_code in {400, 422}, answer.text
        assert answer.json()["code"] in {"invalid_request", "upload_interrupted"}
    assert set(server.runtime.storage.inventory()) == server.runtime.recordings.ids()


def test_unknown_ids_and_paths(client: Client) -> None:
    for path in ("/api/v1/transcribe/none", "/api/v1/transcribe/none/media", "/api/v2"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    wrong = client.put("/api/v1/transcribe")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"]
    assert client.get("/api/v1/transcribe", params={"limit": 0}).status_code == 422
    assert client.get("/api/v1/transcribe", params={"offset": -1}).json()["code"] == "invalid_request"


def test_limits_are_said_before_the_upload(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.conftest import make_settings

    small = make_settings(tmp_path_factory.mktemp("small"), http={"max_upload": 100_000})
    with thread_server(small) as server:
        answer = server.client.send_file("big.wav", wav(60))
        assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
        # Without a length the limit holds all the same.
        answer = server.client.post(
            "/api/v1/transcribe",
            content=_endless_form(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code == 413
        answer = server.client.post(
            "/api/v1/transcribe",
            content=_form_with_a_tail(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code == 413
        assert not set(server.runtime.storage.inventory())


def test_a_full_disk_is_said_and_reading_goes_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.conftest import make_settings

    full = make_settings(tmp_path_factory.mktemp("full"), storage={"reserve": 10**15})
    with thread_server(full) as server:
        answer = server.client.send_file("call.wav", SPEECH)
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert server.client.get("/api/v1/transcribe").status_code == 200
        assert server.client.get("/api/v1/health").json()["components"]["storage"]["status"] == "degraded"


def test_an_upload_that_breaks_off_leaves_nothing(server: ThreadServer) -> None:
    def half() -> object:
        yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        yield SPEECH[:1000]
        raise ConnectionError("the network went away")

    with pytest.raises(ConnectionError):
        server.client.post(
            "/api/v1/transcribe",
            content=half(),  # type: ignore[arg-type]
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert server.client.get("/live").status_code == 200
    assert set(server.runtime.storage.inventory()) == server.runtime.recordings.ids()


def _form_with_a_tail() -> object:
    yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nx\r\n--b--\r\n'
    for _ in range(300):
        yield bytes(10_000)


def _endless_form() -> object:
    yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
    for _ in range(300):
        yield bytes(10_000)


def test_a_wrong_method_is_told_all_that_are_right(client: Client) -> None:
    answer = client.put("/api/v1/keys")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/me/retention", b'{"media_days": true}'),
        ("/api/v1/me/retention", b'{"recording_days": "7"}'),
        ("/api/v1/keys", b'{"expires_at": 4102444800}'),
        ("/api/v1/webhooks", b'{"url": "https://example.com/", "enabled": "yes"}'),
        ("/api/v1/keys", b"\x80"),
    ],
)
def test_what_only_looks_like_a_value_is_refused(client: Client, path: str, body: bytes) -> None:
    method = "PATCH" if path.endswith("retention") else "POST"
    answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_number_in_a_body_may_be_written_with_a_point(client: Client) -> None:
    answer = client.patch("/api/v1/me/retention", json={"recording_days": 30000.0})
    assert answer.json()["chosen"]["recording_days"] == 30000


def test_an_empty_field_is_as_good_as_none(client: Client) -> None:
    sent = client.send_file("call.wav", SPEECH, channels="", word_times="False", beam=" ")
    assert sent.status_code == 202
    assert client.send_file("call.wav", SPEECH, word_times="perhaps").status_code == 422
