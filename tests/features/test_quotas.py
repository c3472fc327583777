"""Quotas: what a user stores, sends in a day, and has at work at once, at every door."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import makemedia
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.kit import clock

DOOR, UPLOADS, OPENAI = "/api/v1/transcribe", "/api/v1/uploads", "/v1/audio/transcriptions"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
SPEECH = wav(seconds=3)
SIZE = len(SPEECH)


@dataclass
class Person:
    """Somebody with a key and quotas of their own; ``admin`` is another."""

    server: ThreadServer
    id: str
    client: Client

    def allow(self, **quota: float | None) -> dict[str, Any]:
        answer = self.server.client.patch(f"/api/v1/users/{self.id}", json={"quota": quota})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["quota"])

    def usage(self) -> dict[str, Any]:
        return dict(self.client.get("/api/v1/me/usage").json())

    def send(self, **headers: str) -> httpx.Response:
        return self.client.send_file("call.wav", SPEECH, headers=headers)

    def begin(self, length: int = SIZE) -> httpx.Response:
        engine = base64.b64encode(b"echo").decode()
        headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": f"engine {engine}"}
        return self.client.post(UPLOADS, headers=headers)

    def append(self, url: str) -> httpx.Response:
        return self.client.patch(url, content=SPEECH, headers={**OCTETS, "Upload-Offset": "0"})

    def ask_openai(self) -> httpx.Response:
        return self.client.post(OPENAI, files={"file": ("call.wav", SPEECH)}, data={"model": "echo"})

    def done(self, sent: httpx.Response) -> str:
        assert sent.status_code == 202, sent.text
        session_id = str(sent.json()["session_id"])
        assert self.client.until_ended(session_id)["status"] == "completed"
        return session_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(tmp_path_factory.mktemp("data"), quota={"uploads": 2})
    with thread_server(settings) as running:
        yield running


@pytest.fixture
def person(server: ThreadServer, request: pytest.FixtureRequest) -> Iterator[Person]:
    name = request.node.name[:90]
    user = server.runtime.users.create(name)
    with Client(server.address, server.runtime.keys.create("key", name)[1]) as client:
        yield Person(server, user.id, client)


@pytest.fixture
def idle(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No job is taken while the test lasts."""
    with monkeypatch.context() as patch:
        patch.setattr(server.runtime.jobs, "claim", lambda session, owner: None)
        yield
    server.runtime.runner._queue.wake("any")


def problem(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["error"]["code"] if "error" in body else body["code"]


def status_before_the_body(person: Person, path: str) -> int:
    """The answer to headers that announce a recording, of which not a byte is sent."""
    host, port = person.server.address.removeprefix("http://").split(":")
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: tiro",
        f"Authorization: {person.client.headers['Authorization']}",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 3000000",
    ]
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(line.recv(65536).split()[1])


def test_by_default_nothing_is_held_back_but_open_uploads(person: Person) -> None:
    usage = person.usage()
    assert {name: usage[name]["allowed"] for name in ("storage", "minutes", "jobs", "uploads")} == {
        "storage": None,
        "minutes": None,
        "jobs": None,
        "uploads": 2,
    }
    person.done(person.send())
    person.begin(1000)
    usage = person.usage()
    assert usage["storage"]["used"] == SIZE + 1000
    assert usage["minutes"]["used"] == pytest.approx(3 / 60, abs=0.001)
    assert (usage["jobs"]["used"], usage["uploads"]["used"]) == (0, 1)
    assert usage["minutes_reset_at"].endswith("T00:00:00Z")


def test_an_admin_sets_quotas_and_takes_them_back(person: Person) -> None:
    nothing = {"storage": None, "minutes": None, "jobs": None, "uploads": None}
    assert person.allow() == nothing
    assert person.allow(storage=5000, jobs=3) == nothing | {"storage": 5000, "jobs": 3}
    assert person.allow(uploads=0) == nothing | {"storage": 5000, "jobs": 3, "uploads": 0}
    usage = person.usage()
    assert usage["storage"] == {"used": 0, "allowed": 5000}
    assert usage["uploads"]["allowed"] is None
    assert person.allow(jobs=None, uploads=None) == nothing | {"storage": 5000}
    assert person.usage()["uploads"]["allowed"] == 2
    users = person.server.client.get("/api/v1/users").json()["items"]
    assert {user["id"]: user["quota"] for user in users}[person.id] == nothing | {"storage": 5000}
    for wrong in ({"jobs": -1}, {"storage": 2**63}, {"minutes": "many"}):
        answer = person.server.client.patch(f"/api/v1/users/{person.id}", json={"quota": wrong})
        assert answer.status_code == 422
    unknown = person.server.client.patch("/api/v1/users/nobody", json={"quota": {"jobs": 1}})
    assert unknown.status_code == 404


def test_storage_is_looked_at_before_the_body(person: Person) -> None:
    person.allow(storage=2 * SIZE - 1)
    session_id = person.done(person.send())
    assert status_before_the_body(person, DOOR) == 413
    assert status_before_the_body(person, OPENAI) == 429
    assert problem(person.send()) == (413, "storage_quota_exceeded")
    person.allow(storage=2 * SIZE)
    assert person.send().status_code == 202, "to the last byte"
    assert status_before_the_body(person, DOOR) == 413
    assert person.client.delete(f"{DOOR}/{session_id}").status_code == 204
    assert person.send().status_code == 202


def test_storage_holds_exactly_whoever_else_sends(person: Person, idle: None) -> None:
    person.allow(storage=2 * SIZE)
    together = threading.Barrier(5)

    def send() -> int:
        together.wait()
        with Client(person.server.address, person.client.headers["Authorization"][7:]) as client:
            # Chunked, so that the size is not known before.
            form = httpx.Request(
                "POST", "http://x", files={"audio": ("a.wav", SPEECH)}, data={"engine": "echo"}
            )
            content = form.read()
            headers = {"Content-Type": form.headers["Content-Type"]}
            return client.post(DOOR, content=iter([content]), headers=headers).status_code

    with ThreadPoolExecutor(5) as pool:
        answers = sorted(future.result() for future in [pool.submit(send) for _ in range(5)])
    assert answers == [202, 202, 413, 413, 413]
    refused = person.send()
    assert problem(refused) == (413, "storage_quota_exceeded")
    assert f"{2 * SIZE:,}" in refused.json()["detail"]
    assert not list((person.server.runtime.settings.data / "incoming").iterdir())
    assert person.usage()["storage"]["used"] == 2 * SIZE


def test_jobs_at_once(person: Person, idle: None) -> None:
    person.allow(jobs=1)
    first = person.send(**{"Idempotency-Key": "first"})
    session_id = first.json()["session_id"]
    refused = person.send()
    assert problem(refused) == (429, "job_quota_exceeded")
    assert int(refused.headers["Retry-After"]) >= 1
    assert "1 are allowed" in refused.json()["detail"]
    openai = person.ask_openai()
    assert problem(openai) == (429, "rate_limit_exceeded")
    assert problem(person.begin()) == (429, "job_quota_exceeded")
    again = person.send(**{"Idempotency-Key": "first"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert person.usage()["jobs"] == {"used": 1, "allowed": 1}
    assert person.client.post(f"{DOOR}/{session_id}/cancel").status_code == 202
    second = person.send()
    assert second.status_code == 202
    assert problem(person.client.post(f"{DOOR}/{session_id}/retry")) == (429, "job_quota_exceeded")
    person.client.delete(f"{DOOR}/{second.json()['session_id']}")
    assert person.client.post(f"{DOOR}/{session_id}/retry").status_code == 202


def test_minutes_of_a_day(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.allow(minutes=0.12)
    session_id = person.done(person.send())
    assert person.client.post(f"{DOOR}/{session_id}/retry").status_code == 202
    person.client.until_ended(session_id)
    assert person.usage()["minutes"] == {"used": 0.1, "allowed": 0.12}
    # What is deleted has been transcribed all the same.
    assert person.client.delete(f"{DOOR}/{session_id}").status_code == 204
    refused = person.send()
    assert problem(refused) == (429, "audio_quota_exceeded")
    assert "0.1 of 0.12 minutes" in refused.json()["detail"]
    now = clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert abs(int(refused.headers["Retry-After"]) - (midnight - now).total_seconds()) < 10
    assert problem(person.ask_openai()) == (429, "insufficient_quota")
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=1))
    assert person.send().status_code == 202


def test_what_a_recording_has_in_truth_counts(person: Person, tmp_path: Path) -> None:
    """Not what its file claims: of this one most is missing."""
    whole = makemedia.write(tmp_path / "call.mp3", makemedia.BY_NAME["mp3"], seconds=6).read_bytes()
    sent = person.client.send_file("call.mp3", whole[: len(whole) // 3])
    session_id = person.done(sent)
    assert person.client.session(session_id)["metadata"]["media"]["claimed_duration"] > 5
    assert person.usage()["minutes"]["used"] == pytest.approx(2 / 60, abs=0.01)


def test_open_uploads(person: Person) -> None:
    first, second = person.begin(), person.begin()
    refused = person.begin()
    assert problem(refused) == (429, "too_many_uploads")
    assert refused.headers["tus-resumable"] == "1.0.0"
    assert "2 are allowed" in refused.json()["detail"]
    person.client.delete(first.headers["location"], headers=TUS)
    assert person.begin().status_code == 201
    assert person.append(second.headers["location"]).headers["tiro-session"]
    assert person.begin().status_code == 201


def test_what_is_announced_is_reserved(person: Person) -> None:
    person.allow(storage=2 * SIZE)
    url = person.begin(SIZE + 1).headers["location"]
    assert problem(person.begin(SIZE)) == (413, "storage_quota_exceeded")
    assert problem(person.send()) == (413, "storage_quota_exceeded")
    person.client.delete(url, headers=TUS)
    person.allow(storage=SIZE)
    whole = person.append(person.begin(SIZE).headers["location"])
    assert whole.headers["tiro-session"], "to the last byte"


@pytest.mark.parametrize(
    ("quota", "code"),
    [
        ({"jobs": 1}, (429, "job_quota_exceeded")),
        ({"minutes": 0.06}, (429, "audio_quota_exceeded")),
        ({"storage": SIZE}, (413, "storage_quota_exceeded")),
    ],
)
def test_an_upload_waits_for_a_better_day(
    person: Person, idle: None, quota: dict[str, float], code: tuple[int, str]
) -> None:
    """What is here already is not lost where its owner has too much in the end."""
    url = person.begin().headers["location"]
    assert person.send().status_code == 202
    person.allow(**quota)
    assert problem(person.append(url)) == code
    assert problem(person.client.patch(url, headers={**OCTETS, "Upload-Offset": str(SIZE)})) == code
    person.allow(jobs=0, minutes=0, storage=0)
    told = person.client.head(url, headers=TUS)
    assert (told.status_code, told.headers["upload-offset"]) == (200, str(SIZE))
    assert told.headers["tiro-session"]
