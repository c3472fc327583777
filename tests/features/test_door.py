"""The door: sending, looking, waiting, cancelling, deleting, exporting."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import select
from tests.makecall import wav
from tests.serving import Client, ThreadServer, wait_until

from tiro.db.tables import JobTable

SPEECH = wav(seconds=6)
LONG = wav(seconds=120)


@pytest.fixture
def client(server: ThreadServer) -> Client:
    return server.client


def test_a_recording_becomes_a_transcript(client: Client) -> None:
    answer = client.send_file("call.wav", SPEECH, wait=30, title="First call")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["status"] == "completed"
    assert result["title"] == "First call"
    segments = result["transcript"]["segments"]
    assert segments
    assert {"speaker", "start_time", "end_time", "text", "confidence", "words"} <= set(segments[0])
    assert segments[0]["words"][0]["start_time"] >= segments[0]["start_time"]
    metadata = result["metadata"]
    assert metadata["duration"] == pytest.approx(6, abs=0.1)
    assert metadata["processing_time"] > 0
    assert metadata["channels"] == 1
    assert metadata["layout"]["mode"] == "mix"
    assert metadata["media"]["codec"] == "pcm_s16le"
    assert "echo" in metadata["model_versions"]
    assert result["summary"] is None


def test_the_answer_comes_at_once_and_names_where_to_look(client: Client) -> None:
    answer = client.send_file("call.wav", SPEECH)
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] in {"queued", "running"}
    assert answer.headers["location"] == body["links"]["self"]
    assert client.until_ended(body["session_id"])["status"] == "completed"


def test_the_same_file_again_is_told(client: Client) -> None:
    data = wav(seconds=2.5)
    first, second = (client.send_file("call.wav", data) for _ in range(2))
    assert "tiro-duplicate-of" not in first.headers
    assert second.headers["tiro-duplicate-of"] == first.json()["session_id"]


def test_wait_gives_up_in_time_and_the_job_goes_on(client: Client) -> None:
    answer = client.send_file("long.wav", LONG, wait=0.2, engine="echo:0.02")
    assert answer.status_code == 202
    session_id = answer.json()["session_id"]
    assert client.until_ended(session_id)["status"] == "completed"


def test_the_list_is_newest_first_with_filter_and_pages(client: Client) -> None:
    ids = [client.send_file(f"{n}.wav", SPEECH, wait=30).json()["session_id"] for n in range(3)]
    page = client.get("/api/v1/transcribe", params={"limit": 2, "status": "completed"}).json()
    assert [item["session_id"] for item in page["items"]] == [ids[2], ids[1]]
    assert page["total"] >= 3
    rest = client.get("/api/v1/transcribe", params={"limit": 2, "offset": 2}).json()
    assert rest["items"][0]["session_id"] == ids[0]
    assert client.get("/api/v1/transcribe", params={"status": "failed"}).json()["total"] == 0


def test_exports_in_every_format(client: Client) -> None:
    session_id = client.send_file("call.wav", SPEECH, wait=30, title="Übung").json()["session_id"]
    expected = {"txt": "", "srt": "1\n", "vtt": "WEBVTT", "tsv": "start", "json": "{"}
    for extension, start in expected.items():
        answer = client.get(f"/api/v1/transcribe/{session_id}/transcript.{extension}")
        assert answer.status_code == 200, (extension, answer.text)
        assert answer.text.startswith(start)
        assert "filename*=UTF-8''%C3%9Cbung" in answer.headers["content-disposition"]
    document = json.loads(client.get(f"/api/v1/transcribe/{session_id}/transcript.json").text)
    shown = client.session(session_id)["transcript"]["segments"]
    assert document["transcript"] == {
        "segments": [{name: value for name, value in one.items() if name != "id"} for one in shown]
    }
    assert client.get(f"/api/v1/transcribe/{session_id}/transcript.docx").status_code == 422


def test_an_export_before_the_end_says_so(client: Client) -> None:
    session_id = client.send_file("long.wav", LONG, engine="echo:1").json()["session_id"]
    answer = client.get(f"/api/v1/transcribe/{session_id}/transcript.txt")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    client.post(f"/api/v1/transcribe/{session_id}/cancel")


def test_media_comes_back_whole_and_in_ranges(client: Client) -> None:
    session_id = client.send_file("call.wav", SPEECH).json()["session_id"]
    url = f"/api/v1/transcribe/{session_id}/media"
    whole = client.get(url)
    assert hashlib.sha256(whole.content).digest() == hashlib.sha256(SPEECH).digest()
    assert whole.headers["content-type"] == "audio/wav"
    assert "sandbox" in whole.headers["content-security-policy"]
    for header, part in {
        "bytes=0-9": SPEECH[:10],
        "bytes=100-": SPEECH[100:],
        "bytes=-7": SPEECH[-7:],
        f"bytes=5-{10**12}": SPEECH[5:],
    }.items():
        answer = client.get(url, headers={"Range": header})
        assert (answer.status_code, answer.content) == (206, part), header
        assert answer.headers["content-range"].endswith(f"/{len(SPEECH)}")
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(1000))
    for header in ("bytes=99999999-", "bytes=5-4", "bytes=-", many, "bytes=-0"):
        answer = client.get(url, headers={"Range": header})
        assert answer.status_code == 416, header
        assert answer.headers["content-range"] == f"bytes */{len(SPEECH)}"
    assert client.get(url, headers={"Range": "lines=1-2"}).status_code == 200
    head = client.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(SPEECH)), b"")


def test_a_running_job_is_cancelled_and_can_be_retried(client: Client) -> None:
    session_id = client.send_file("long.wav", LONG, engine="echo:1").json()["session_id"]
    wait_until(lambda: client.session(session_id)["stage"] == "transcribe", what="the engine at work")
    assert client.post(f"/api/v1/transcribe/{session_id}/cancel").status_code == 202
    assert client.until_ended(session_id)["status"] == "cancelled"
    assert client.post(f"/api/v1/transcribe/{session_id}/cancel").status_code == 409
    assert client.post(f"/api/v1/transcribe/{session_id}/retry").status_code == 202
    assert client.post(f"/api/v1/transcribe/{session_id}/retry").status_code == 409
    client.post(f"/api/v1/transcribe/{session_id}/cancel")
    assert client.until_ended(session_id)["status"] == "cancelled"


def test_priorities_then_first_in_first_out(client: Client, server: ThreadServer) -> None:
    # Both places are taken while the order of those that wait is settled.
    busy = [client.send_file("long.wav", LONG, engine="echo:1").json()["session_id"] for _ in range(2)]
    wait_until(lambda: all(client.session(one)["status"] == "running" for one in busy), what="two at work")
    wanted = ["low", "normal", "high", "normal", "high"]
    waiting = [
        client.send_file("call.wav", SPEECH, engine="echo:0.02", priority=one).json()["session_id"]
        for one in wanted
    ]
    client.post(f"/api/v1/transcribe/{busy[0]}/cancel")
    for session_id in waiting:
        client.until_ended(session_id)
    client.post(f"/api/v1/transcribe/{busy[1]}/cancel")
    with server.runtime.database.read() as session:
        started = {job.recording_id: job.started_at for job in session.scalars(select(JobTable))}
    order = sorted(range(5), key=lambda n: started[waiting[n]])
    assert order == [2, 4, 1, 3, 0]


def test_deleting_removes_everything(client: Client, server: ThreadServer) -> None:
    session_id = client.send_file("long.wav", LONG, engine="echo:1").json()["session_id"]
    wait_until(lambda: client.session(session_id)["stage"] == "transcribe", what="the engine at work")
    assert client.delete(f"/api/v1/transcribe/{session_id}").status_code == 204
    for path in ("", "/media", "/events", "/transcript.txt"):
        assert client.get(f"/api/v1/transcribe/{session_id}{path}").status_code == 404
    assert session_id not in set(server.runtime.storage.inventory())
    wait_until(lambda: server.runtime.runner.busy == 0, what="the end of the work on it")


def test_nothing_without_a_key(server: ThreadServer) -> None:
    documented = httpx.get(f"{server.address}/openapi.json", trust_env=False).json()["paths"]
    open_routes = {
        "/live",
        "/ready",
        *(f"/api/v1/auth/{name}" for name in ("login", "second-factor", "refresh", "logout", "link")),
        *(f"/api/v1/auth/{name}" for name in ("methods", "oidc/login", "oidc/callback")),
        *(f"/api/v1/shared/{{token}}{tail}" for tail in ("", "/media", "/transcript.{extension}")),
    }
    assert open_routes <= set(documented)
    guarded = {path: methods for path, methods in documented.items() if path not in open_routes}
    assert len(guarded) > 70
    for key in (None, "tiro_wrong", "ü"):
        with Client(server.address, None) as client:
            if key:
                client.headers = httpx.Headers([(b"Authorization", f"Bearer {key}".encode())])
            for template, methods in guarded.items():
                path = re.sub(r"\{\w+\}", "txt", template)
                for method in methods:
                    answer = client.request(method, path)
                    if method == "head":
                        assert answer.status_code == 401
                        continue
                    body = answer.json()
                    code = body["error"]["code"] if path.startswith("/v1/") else body["code"]
                    wanted = "invalid_api_key" if path.startswith("/v1/") else "unauthorized"
                    assert (answer.status_code, code) == (401, wanted), (method, path)
    assert httpx.get(f"{server.address}/live", trust_env=False).status_code == 200
    assert httpx.get(f"{server.address}/ready", trust_env=False).status_code == 200


def test_a_revoked_key_is_worth_nothing(server: ThreadServer) -> None:
    row, secret = server.runtime.keys.create("short-lived")
    with Client(server.address, secret) as client:
        assert client.get("/api/v1/transcribe").status_code == 200
        server.runtime.keys.revoke(row.id)
        assert client.get("/api/v1/transcribe").status_code == 401


def test_idempotency_key_fifty_at_once_makes_one_job(server: ThreadServer) -> None:
    before = server.client.get("/api/v1/transcribe").json()["total"]
    start = threading.Barrier(10)

    def send(number: int) -> httpx.Response:
        with Client(server.address, server.key) as client:
            if number < 10:
                start.wait()
            return client.send_file("call.wav", SPEECH, headers={"Idempotency-Key": "once"})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(send, range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["session_id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert server.client.get("/api/v1/transcribe").json()["total"] == before + 1
    other = server.client.send_file("call.wav", LONG, headers={"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    kept = set(server.runtime.storage.inventory())
    assert kept == server.runtime.recordings.ids()


def test_health_and_metrics(client: Client) -> None:
    health = client.get("/api/v1/health").json()
    assert health["status"] == "ok"
    assert {"database", "storage", "worker", "engine:echo"} <= set(health["components"])
    metrics = client.get("/metrics")
    assert "tiro_queue_jobs{" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain")


def test_the_documentation_needs_no_network(server: ThreadServer) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        page = client.get("/docs").text
        assert "http://" not in page
        assert "https://" not in page
        for path in ("swagger/swagger-ui.css", "swagger/swagger-ui-bundle.js", "assets/docs.js"):
            assert f"/docs/{path}" in page
            assert client.get(f"/docs/{path}").status_code == 200
        assert client.get("/docs").headers["content-security-policy"]
