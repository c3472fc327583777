"""What admins see of the server: all jobs, never what they are about; room, settings, and how it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server

from tiro.db.tables import JobTable, RecordingTable, UserTable
from tiro.kit import clock

SPEECH = wav(seconds=1)
DOOR = "/api/v1/transcribe"
JOBS = "/api/v1/admin/jobs"
ADMIN = "/api/v1/admin"
TITLE = "our secret merger"
SECRET = "9f8a1c0be37d45628a4b7c19e0d2f36a"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("data"),
        auth={"secret": SECRET},
        openai={"url": "http://ann:hush@127.0.0.1:9/v1", "key": "sk-hidden"},
    )
    with thread_server(settings) as running:
        yield running


@pytest.fixture(scope="module")
def ann(server: ThreadServer) -> Iterator[Client]:
    server.runtime.users.create("ann")
    with Client(server.address, server.runtime.keys.create("key", "ann")[1]) as client:
        yield client


def sent(client: Client) -> str:
    return str(client.send_file("call.wav", SPEECH, title=TITLE, wait=30).json()["session_id"])


def job_of(server: ThreadServer, recording_id: str) -> str:
    with server.runtime.database.read() as session:
        return server.runtime.jobs.latest(session, recording_id).id


def test_jobs_of_all_without_what_they_are_about(server: ThreadServer, ann: Client) -> None:
    mine, theirs = sent(server.client), sent(ann)
    ann_id = ann.get("/api/v1/me").json()["id"]
    answer = server.client.get(JOBS)
    items = {item["session_id"]: item for item in answer.json()["items"]}
    assert {mine, theirs} <= set(items)
    assert items[theirs]["owner"] == {"id": ann_id, "name": "ann"}
    assert (items[theirs]["state"], items[theirs]["attempt"]) == ("completed", 1)
    assert TITLE not in answer.text
    assert "call.wav" not in answer.text
    only = server.client.get(JOBS, params={"owner": ann_id, "state": "completed"}).json()["items"]
    assert {item["owner"]["name"] for item in only} == {"ann"}
    assert server.client.get(JOBS, params={"state": "failed"}).json()["items"] == []
    first = server.client.get(JOBS, params={"limit": 1}).json()
    second = server.client.get(JOBS, params={"limit": 200, "before": first["next"]}).json()
    assert first["items"] + second["items"] == answer.json()["items"]
    assert second["next"] is None
    assert server.client.get(f"{DOOR}/{theirs}").status_code == 404


def test_anybodys_job_is_stopped_and_run_again(server: ThreadServer, ann: Client) -> None:
    recording_id = sent(ann)
    job_id = job_of(server, recording_id)
    with server.runtime.database.write() as session:
        later = clock.now() + timedelta(hours=1)
        change = update(JobTable).where(JobTable.id == job_id).values(state="queued", queued_at=later)
        session.execute(change)
    refused = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    stopped = server.client.post(f"{JOBS}/{job_id}/cancel")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "cancelled")
    assert server.client.post(f"{JOBS}/{job_id}/cancel").status_code == 409
    again = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert again.status_code == 202
    assert again.json()["job_id"] == job_of(server, recording_id) != job_id
    assert ann.until_ended(recording_id)["status"] == "completed"
    late = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert server.client.post(f"{JOBS}/unknown/cancel").status_code == 404
    entries = ann.get("/api/v1/me/activity").json()["items"]
    assert [entry["action"] for entry in entries[:2]] == ["job.retried", "job.cancelled"]
    assert {entry["actor"]["user"] for entry in entries[:2]} == {"owner"}


def test_room(server: ThreadServer) -> None:
    server.runtime.users.create("bea")
    with Client(server.address, server.runtime.keys.create("key", "bea")[1]) as bea:
        kept, gone = sent(bea), sent(bea)
        bea.put(f"{DOOR}/{kept}/hold")
        with server.runtime.database.write() as session:
            row = session.get(RecordingTable, gone)
            assert row is not None
            row.media_removed_at = clock.now()
        server.runtime.storage.delete(gone)
        bea.post("/api/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1000"})
    found = server.client.get(f"{ADMIN}/storage").json()
    (use,) = [user for user in found["users"] if user["name"] == "bea"]
    assert (use["recordings"], use["bytes"], use["held"]) == (2, len(SPEECH), 1)
    assert (use["uploads"], use["upload_bytes"]) == (1, 1000)
    assert 0 < found["disk"]["free"] < found["disk"]["total"]


def test_settings_without_secrets(server: ThreadServer) -> None:
    answer = server.client.get(f"{ADMIN}/settings")
    found = {item["name"]: item for item in answer.json()["items"]}
    for name, value, default in (("TIRO_HTTP_PORT", 8000, True), ("TIRO_ENGINE_DOWNLOAD", False, False)):
        assert found[name] == {"name": name, "value": value, "default": default}
    assert found["TIRO_AUTH_SECRET"]["value"] == found["TIRO_OPENAI_KEY"]["value"] == "********"
    assert found["TIRO_OPENAI_URL"]["value"] == "http://********@127.0.0.1:9/v1"
    for secret in (SECRET, "sk-hidden", "hush"):
        assert secret not in answer.text


def test_health_tells_what_the_doctor_finds(server: ThreadServer) -> None:
    found = server.client.get(f"{ADMIN}/health").json()
    assert (found["status"], found["queue"]["running"]) == ("ok", 0)
    assert {check["count"] for check in found["checks"]} == {0}
    assert {"database", "storage", "worker", "engine:echo"} <= set(found["components"])
    with server.runtime.database.write() as session:
        session.execute(update(UserTable).values(recordings=UserTable.recordings + 1))
    try:
        found = server.client.get(f"{ADMIN}/health").json()
        assert found["status"] == "degraded"
        (broken,) = [check for check in found["checks"] if check["count"]]
        assert broken["promise"] == "every user's recordings are counted"
        assert "owner" in broken["faults"]
    finally:
        with server.runtime.database.write() as session:
            session.execute(update(UserTable).values(recordings=UserTable.recordings - 1))
