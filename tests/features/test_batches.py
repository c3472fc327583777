"""Many files as one: sent in one request, or one by one into a batch."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import ENDED, Client, ThreadServer, thread_server, wait_until

from tiro.errors import DatabaseBusy
from tiro.features.batches import service
from tiro.features.keys import dependencies

BATCHES = "/api/v1/batches"
DOOR = "/api/v1/transcribe"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
SPEECH = [wav(seconds=1 + number / 10) for number in range(4)]
File = tuple[str, bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    data = tmp_path_factory.mktemp("data")
    settings = make_settings(
        data, engine={"download": False, "default": "echo"}, http={"max_upload": 200_000}
    )
    with thread_server(settings) as running:
        yield running
    assert_sound(data)


def send(
    server: ThreadServer, files: Sequence[File], key: str | None = None, **fields: str
) -> httpx.Response:
    """Fields first, then the files."""
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    parts += [("audio", file) for file in files]
    headers = {"Idempotency-Key": key} if key else {}
    return server.client.post(BATCHES, files=parts or {"title": (None, "")}, headers=headers)


def told_by(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """What each event of a batch's stream says."""
    for block in filter(None, answer.read().decode().split("\n\n")):
        named = dict(line.partition(": ")[::2] for line in block.splitlines())
        if named.get("event") == "batch":
            yield json.loads(named["data"])


def ended(server: ThreadServer, batch_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        batch = server.client.get(f"{BATCHES}/{batch_id}").json()
        return batch if batch["status"] in ENDED else None

    return dict(wait_until(look, what="the end of the batch"))


def test_many_files_in_one_request(server: ThreadServer) -> None:
    files = [(f"{number}.wav", data) for number, data in enumerate(SPEECH)]
    answer = send(server, files, title="Monday", channels="mix", priority="low")
    assert answer.status_code == 202
    sent = answer.json()
    assert (sent["title"], sent["total"], sent["refused"]) == ("Monday", 4, 0)
    assert answer.headers["location"] == sent["links"]["self"]
    batch = ended(server, sent["batch_id"])
    assert batch["status"] == "completed"
    assert batch["counts"] == {"queued": 0, "running": 0, "completed": 4, "failed": 0, "cancelled": 0}
    assert batch["progress"] == {"position": pytest.approx(4.6), "duration": pytest.approx(4.6)}
    assert [file["filename"] for file in batch["files"]] == [name for name, _ in files]
    ids = [file["session_id"] for file in batch["files"]]
    assert ids == [result["session_id"] for result in sent["results"]]
    for session_id, (_, data) in zip(ids, files, strict=True):
        session = server.client.session(session_id)
        assert (session["priority"], session["metadata"]["options"]["channels"]) == ("low", "mix")
        assert server.client.get(f"{DOOR}/{session_id}/media").content == data
    page = server.client.get(f"{BATCHES}/{sent['batch_id']}?limit=1&offset=2").json()
    assert [file["session_id"] for file in page["files"]] == ids[2:3]
    assert page["total"] == 4


def test_one_bad_file_does_not_stop_the_others(server: ThreadServer) -> None:
    large = wav(seconds=20)
    assert len(large) > 200_000
    files = [
        ("text.txt", b"no audio" * 100),
        ("a.wav", SPEECH[0]),
        ("large.wav", large),
        ("empty.wav", b""),
        ("b.wav", SPEECH[1]),
    ]
    sent = send(server, files).json()
    codes = [result["error"] and result["error"]["code"] for result in sent["results"]]
    assert codes == ["unsupported_media", None, "upload_too_large", "empty_media", None]
    batch = ended(server, sent["batch_id"])
    assert (batch["status"], batch["total"], batch["refused"]) == ("failed", 2, 3)
    assert [refusal["filename"] for refusal in batch["refusals"]] == ["text.txt", "large.wav", "empty.wav"]
    assert [file["filename"] for file in batch["files"]] == ["a.wav", "b.wav"]


def test_files_are_added_to_a_batch_one_by_one(server: ThreadServer) -> None:
    made = send(server, [], title="later").json()
    assert (made["status"], made["total"]) == ("queued", 0)
    batch_id = made["batch_id"]
    server.client.send_file("door.wav", SPEECH[0], batch=batch_id)
    metadata = {"filename": "tus.wav", "batch": batch_id}
    told = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in metadata.items())
    headers = {**TUS, "Upload-Length": str(len(SPEECH[1])), "Upload-Metadata": told}
    assert "tiro-session" in server.client.post("/api/v1/uploads", headers=headers, content=SPEECH[1]).headers
    batch = ended(server, batch_id)
    assert [file["filename"] for file in batch["files"]] == ["door.wav", "tus.wav"]
    assert server.client.get(BATCHES).json()["items"][0]["batch_id"] == batch_id


def test_a_batch_is_forgotten_and_its_recordings_stay(server: ThreadServer) -> None:
    sent = send(server, [("a.wav", SPEECH[0]), ("b.wav", SPEECH[1])]).json()
    kept, removed = (result["session_id"] for result in sent["results"])
    ended(server, sent["batch_id"])
    server.client.delete(f"{DOOR}/{removed}")
    assert server.client.get(f"{BATCHES}/{sent['batch_id']}").json()["total"] == 1
    assert server.client.delete(f"{BATCHES}/{sent['batch_id']}").status_code == 204
    assert server.client.get(f"{BATCHES}/{sent['batch_id']}").status_code == 404
    assert server.client.session(kept)["status"] == "completed"
    assert server.client.send_file("c.wav", SPEECH[2], batch=sent["batch_id"]).status_code == 422


def test_a_whole_batch_is_cancelled(server: ThreadServer) -> None:
    done = send(server, [("done.wav", SPEECH[0])]).json()
    ended(server, done["batch_id"])
    assert server.client.post(f"{BATCHES}/{done['batch_id']}/cancel").status_code == 409
    files = [(f"{number}.wav", wav(seconds=5)) for number in range(4)]
    sent = send(server, files, engine="echo:1").json()
    wait_until(lambda: server.client.get(f"{BATCHES}/{sent['batch_id']}").json()["status"] == "running")
    assert server.client.post(f"{BATCHES}/{sent['batch_id']}/cancel").status_code == 202
    batch = ended(server, sent["batch_id"])
    assert (batch["status"], batch["counts"]["cancelled"]) == ("cancelled", 4)


def test_a_batch_is_followed_to_its_end(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_POLL_SECONDS", 0.02)
    sent = send(server, [("a.wav", wav(seconds=3)), ("b.wav", SPEECH[0])], engine="echo:0.1").json()
    with server.client.stream("GET", sent["links"]["events"]) as answer:
        told = list(told_by(answer))
    assert told[0]["status"] in {"queued", "running"}
    assert (told[-1]["status"], told[-1]["counts"]["completed"]) == ("completed", 2)
    positions = [one["progress"]["position"] for one in told]
    assert positions == sorted(positions)
    assert len({json.dumps(one) for one in told}) == len(told)


@pytest.mark.parametrize("end", ["forgotten", "key revoked"])
def test_an_open_stream_ends_with_its_reason(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(service, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(dependencies, "RECHECK_SECONDS", 0.0)
    batch = send(server, [], title="empty").json()
    row, secret = server.runtime.keys.create("short-lived")
    with (
        Client(server.address, secret) as client,
        client.stream("GET", batch["links"]["events"]) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "event: batch"
        if end == "forgotten":
            server.client.delete(batch["links"]["self"])
        else:
            server.runtime.keys.revoke(row.id)
        assert not [line for line in lines if line.startswith("event: ")]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"engine": "nonsense"}, "unknown_engine"),
        ({"beam": "0"}, "invalid_request"),
        ({"batch": "any"}, "invalid_request"),
        ({"title": "x" * 1001}, "invalid_request"),
    ],
)
def test_fields_that_do_not_fit_keep_nothing(server: ThreadServer, fields: dict[str, str], code: str) -> None:
    before = server.client.get(BATCHES).json()["total"]
    answer = send(server, [("a.wav", SPEECH[0])], **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert server.client.get(BATCHES).json()["total"] == before


def test_fields_behind_a_file_are_refused(server: ThreadServer) -> None:
    parts: list[tuple[str, Any]] = [("audio", ("a.wav", SPEECH[0])), ("channels", (None, "split"))]
    answer = server.client.post(BATCHES, files=parts)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "before" in answer.json()["detail"]


def test_a_form_that_is_not_well_formed_is_refused(server: ThreadServer) -> None:
    head = '--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
    body = head.encode() + wav(seconds=6) + b"\r\n--b\r\n\x01: bad\r\n\r\n\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = server.client.post(BATCHES, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "not well formed" in answer.json()["detail"]


def test_the_same_request_again_is_the_same_batch(server: ThreadServer) -> None:
    files = [("a.wav", SPEECH[0]), ("bad.wav", b"no audio"), ("b.wav", SPEECH[1]), ("large.wav", wav(20))]
    first = send(server, files, "twice", title="once")
    again = send(server, files, "twice", title="once")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["results"] == first.json()["results"]
    assert ended(server, first.json()["batch_id"])["total"] == 2
    others = [files[:2], [*files, ("c.wav", SPEECH[2])], [files[0], ("bad.wav", SPEECH[2]), *files[2:]]]
    for other in others:
        answer = send(server, other, "twice", title="once")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert send(server, files, "twice", title="other").status_code == 422
    assert ended(server, first.json()["batch_id"])["total"] == 2


def test_many_at_once_under_one_key_make_one(server: ThreadServer) -> None:
    files = [("a.wav", SPEECH[2]), ("b.wav", SPEECH[3])]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(server, files, "at once").json(), range(8)))
    assert len({answer["batch_id"] for answer in answers}) == 1
    assert len({result["session_id"] for answer in answers for result in answer["results"]}) == 2
    assert ended(server, answers[0]["batch_id"])["total"] == 2


def test_what_broke_off_is_gone_on_with_under_its_key(server: ThreadServer) -> None:
    files: list[tuple[str, Any]] = [("audio", ("a.wav", SPEECH[0])), ("audio", ("b.wav", SPEECH[1]))]
    whole = httpx.Request("POST", f"{server.address}{BATCHES}", files=files)
    body = whole.read()
    cut = body[: body.index(b"b.wav") + 100] + body[-20:]
    headers = {"Content-Type": whole.headers["content-type"], "Idempotency-Key": "cut"}
    broken = server.client.post(BATCHES, content=cut, headers=headers)
    assert broken.status_code in {400, 422}
    batch = server.client.get(BATCHES).json()["items"][0]
    assert batch["total"] == 1
    again = server.client.post(BATCHES, content=body, headers=headers)
    assert again.json()["batch_id"] == batch["batch_id"]
    assert ended(server, batch["batch_id"])["total"] == 2
    media = rows(server.runtime.settings.data, "SELECT batch_id FROM batch_files")
    assert [row["batch_id"] for row in media].count(batch["batch_id"]) == 2


def test_what_passes_is_tried_again_under_the_same_key(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, failures = server.runtime.recordings.accept, [DatabaseBusy()]

    def busy_once(*arguments: Any, **options: Any) -> tuple[str, bool]:
        if failures:
            raise failures.pop()
        return accept(*arguments, **options)

    monkeypatch.setattr(server.runtime.recordings, "accept", busy_once)
    files = [("a.wav", SPEECH[0]), ("b.wav", SPEECH[1])]
    first = send(server, files, "busy").json()
    assert [bool(result["error"]) for result in first["results"]] == [True, False]
    again = send(server, files, "busy").json()
    assert [bool(result["error"]) for result in again["results"]] == [False, False]
    assert again["results"][1]["session_id"] == first["results"][1]["session_id"]
    assert (again["total"], again["refused"]) == (2, 0)
