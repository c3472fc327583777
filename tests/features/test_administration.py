"""Retention (what is kept for long enough goes, what is on hold stays), and what admins see of the server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.databases import POSTGRESQL, use_data
from tests.makecall import wav
from tests.serving import Client, ThreadServer
from typer.testing import CliRunner

from tiro.bootstrap.data import inspect_data
from tiro.cli.main import app
from tiro.db.session import Database
from tiro.db.tables import JobTable, RecordingTable, Table, UserTable
from tiro.features.jobs.fleet import Worker
from tiro.features.retention.service import Policy, RetentionPlan
from tiro.features.users.service import UserService
from tiro.kit import clock

SPEECH = wav(seconds=1)
DOOR = "/api/v1/transcribe"
ADMIN = "/api/v1/admin"
JOBS = f"{ADMIN}/jobs"
SECRET = "9f8a1c0be37d45628a4b7c19e0d2f36a"
RETENTION = "/api/v1/me/retention"


@pytest.fixture
def person(server: ThreadServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A user of the test's own."""
    name = request.node.name
    server.runtime.users.create(name)
    with Client(server.address, server.runtime.keys.create("key", name)[1]) as client:
        yield client


def sent(client: Client) -> str:
    return str(client.send_file("call.wav", SPEECH, wait=30).json()["session_id"])


def aged(server: ThreadServer, recording_id: str, days: float) -> None:
    """As if the recording had come, and its job ended, so long ago."""
    past = clock.now() - timedelta(days=days)
    with server.runtime.database.write() as session:
        session.execute(
            update(RecordingTable).where(RecordingTable.id == recording_id).values(created_at=past)
        )
        session.execute(
            update(JobTable).where(JobTable.recording_id == recording_id).values(finished_at=past)
        )


def in_state(server: ThreadServer, recording_id: str, state: str) -> None:
    with server.runtime.database.write() as session:
        change = update(JobTable).where(JobTable.recording_id == recording_id)
        far = clock.now() + timedelta(hours=1)
        session.execute(change.values(state=state, paused_until=far, lease_until=far))


def choose(client: Client, **days: int | None) -> None:
    answer = client.patch(RETENTION, json=days)
    assert answer.status_code == 200, answer.text


def sweep(server: ThreadServer) -> None:
    assert not server.runtime.retention.sweep()


def file_of(server: ThreadServer, recording_id: str) -> Path:
    return server.runtime.storage.path(recording_id)


def test_a_file_goes_and_its_text_stays(server: ThreadServer, person: Client) -> None:
    recording_id = sent(person)
    address = f"{DOOR}/{recording_id}"
    before = person.get(f"{address}/transcript.txt").text
    sweep(server)
    assert person.get(f"{address}/media").status_code == 200
    choose(person, media_days=0)
    sweep(server)
    today = f"{clock.now():%Y-%m-%d}"
    for answer in (person.get(f"{address}/media"), person.post(f"{address}/retry")):
        assert (answer.status_code, answer.json()["code"]) == (410, "media_removed")
        assert f"removed on {today} by retention" in answer.json()["detail"]
    assert person.head(f"{address}/media").status_code == 410
    assert not file_of(server, recording_id).exists()
    assert person.get(f"{address}/transcript.txt").text == before
    session = person.session(recording_id)
    assert session["media_removed_at"].startswith(today)
    assert "media" not in session["links"]
    (listed,) = person.get(DOOR).json()["items"]
    assert listed["media_removed_at"] == session["media_removed_at"]
    assert "event: media_removed" in person.get(f"{address}/events").text
    entry = person.get("/api/v1/me/activity").json()["items"][0]
    assert (entry["action"], entry["target"]) == ("recording.media_removed", recording_id)
    assert (entry["actor"]["kind"], entry["details"]) == ("server", {"size": len(SPEECH), "days": 0})
    assert_sound(server.runtime.settings.data)


def test_a_recording_goes_with_its_text(server: ThreadServer, person: Client) -> None:
    old, young = sent(person), sent(person)
    aged(server, old, days=11)
    choose(person, recording_days=10)
    sweep(server)
    assert person.get(f"{DOOR}/{old}").status_code == 404
    assert person.get(f"{DOOR}/{young}").status_code == 200
    assert person.get(DOOR).json()["total"] == 1
    assert not file_of(server, old).exists()
    entry = person.get("/api/v1/me/activity").json()["items"][0]
    assert (entry["action"], entry["target"]) == ("recording.purged", old)
    assert_sound(server.runtime.settings.data)


def test_what_is_on_hold_stays(server: ThreadServer, person: Client) -> None:
    recording_id = sent(person)
    address = f"{DOOR}/{recording_id}"
    aged(server, recording_id, days=11)
    assert person.put(f"{address}/hold").json()["held"] is True
    assert person.put(f"{address}/hold").json()["held"] is True
    choose(person, media_days=0, recording_days=10)
    assert person.get(f"{RETENTION}/preview").json()["items"] == []
    sweep(server)
    refused = person.delete(address)
    assert (refused.status_code, refused.json()["code"]) == (409, "recording_held")
    assert person.get(f"{address}/media").status_code == 200
    (item,) = person.get(DOOR).json()["items"]
    assert item["held"] is True
    assert person.delete(f"{address}/hold").json()["held"] is False
    sweep(server)
    assert person.get(address).status_code == 404
    deeds = [item["action"] for item in person.get("/api/v1/me/activity").json()["items"]]
    assert deeds.count("recording.held") == deeds.count("recording.released") == 1


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_a_file_that_is_still_needed_stays(server: ThreadServer, person: Client, state: str) -> None:
    recording_id = sent(person)
    aged(server, recording_id, days=6)
    in_state(server, recording_id, state)
    choose(person, media_days=0)
    sweep(server)
    assert person.get(f"{DOOR}/{recording_id}/media").status_code == 200
    aged(server, recording_id, days=8)
    sweep(server)
    gone = state in {"failed", "cancelled"}
    assert person.get(f"{DOOR}/{recording_id}/media").status_code == (410 if gone else 200)
    choose(person, recording_days=7)
    assert person.get(f"{RETENTION}/preview").json()["recordings"] == int(gone)
    sweep(server)
    assert person.get(f"{DOOR}/{recording_id}").status_code == (404 if gone else 200)
    in_state(server, recording_id, "completed")


def test_nobody_keeps_more_than_the_server_allows(
    server: ThreadServer, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = server.runtime.retention.plan
    recording_id = sent(person)
    aged(server, recording_id, days=11)
    choose(person, media_days=30, recording_days=60)
    monkeypatch.setattr(plan, "limits", Policy(media_days=20, recording_days=10))
    said = person.get(RETENTION).json()
    assert said["chosen"] == {"media_days": 30, "recording_days": 60}
    assert said["effective"] == said["server"] == {"media_days": 20, "recording_days": 10}
    for wrong in ({"media_days": 21}, {"recording_days": 11}, {"media_days": -1}, {"recording_days": 0}):
        answer = person.patch(RETENTION, json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    me = person.get("/api/v1/me").json()["id"]
    assert [due.recording_id for due in plan.due(owner=me)] == [recording_id]
    choose(person, media_days=None, recording_days=None)
    assert [due.recording_id for due in plan.due(owner=me)] == [recording_id]


def test_a_preview_shows_ones_own_and_removes_nothing(server: ThreadServer, person: Client) -> None:
    old, young = sent(person), sent(person)
    aged(server, old, days=40)
    aged(server, young, days=20)
    anothers = sent(server.client)
    aged(server, anothers, days=40)
    choose(server.client, recording_days=35)
    nothing = person.get(f"{RETENTION}/preview").json()
    assert nothing == {"media": 0, "recordings": 0, "bytes": 0, "items": []}
    query = {"media_days": 10, "recording_days": 30}
    shown = person.get(f"{RETENTION}/preview", params=query).json()
    assert (shown["media"], shown["recordings"], shown["bytes"]) == (1, 1, 2 * len(SPEECH))
    assert [(item["session_id"], item["part"]) for item in shown["items"]] == [
        (old, "recording"),
        (young, "media"),
    ]
    choose(server.client, recording_days=None)
    sweep(server)
    assert person.get(DOOR).json()["total"] == 2
    choose(person, **query)
    sweep(server)
    (left,) = person.get(DOOR).json()["items"]
    assert (left["session_id"], left["media_removed_at"] is None) == (young, False)
    assert server.client.get(f"{DOOR}/{anothers}/media").status_code == 200


def test_whoever_follows_hears_of_it(server: ThreadServer, person: Client) -> None:
    recording_id = sent(person)
    events = person.get(f"{DOOR}/{recording_id}/events").text
    last = max(int(line.removeprefix("id: ")) for line in events.splitlines() if line.startswith("id: "))
    choose(person, media_days=0)
    sweep(server)
    more = person.get(f"{DOOR}/{recording_id}/events", headers={"Last-Event-ID": str(last)}).text
    assert "event: media_removed" in more
    assert "event: end" in more


def test_an_interrupted_removal_is_finished(
    server: ThreadServer, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row goes first. Whatever dies between it and the file, the next start knows what was meant."""

    def fails(_key: str) -> None:
        raise OSError("the disk is read-only")

    settings = server.runtime.settings
    first, second, third = (sent(person) for _ in range(3))
    choose(person, media_days=0)
    stranger = file_of(server, "a-file-of-unknown-origin")
    stranger.parent.mkdir(exist_ok=True)
    stranger.touch()
    with monkeypatch.context() as patched:
        patched.setattr(server.runtime.storage, "delete", fails)
        sweep(server)
        assert person.get(f"{DOOR}/{first}/media").status_code == 410
        assert file_of(server, first).exists()
        broken = {found.promise: found.faults for found in inspect_data(settings, settle_seconds=0)}
        assert len(broken["no file outlives its removal"]) == 3
        with pytest.raises(OSError, match="read-only"):
            server.runtime.recordings.delete(second)
    file_of(server, third).rename(settings.data / "elsewhere")
    sweep(server)
    assert not file_of(server, first).exists()
    (settings.data / "elsewhere").rename(file_of(server, third))
    file_of(server, second).touch()
    server.runtime.recover()
    if POSTGRESQL:  # which others may share: nothing is old enough at a start
        server.runtime.orphans.collect(timedelta())
    assert not file_of(server, third).exists()
    assert not file_of(server, second).exists()
    assert [path.name for path in (settings.data / "orphaned").iterdir()] == [stranger.name]
    assert_sound(settings.data)


def test_the_command_line_shows_what_would_go(
    server: ThreadServer, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = sent(person)
    aged(server, recording_id, days=400)
    use_data(monkeypatch, server.runtime.settings.data)
    runner = CliRunner()
    assert recording_id not in runner.invoke(app, ["retention", "preview"]).output
    shown = runner.invoke(app, ["retention", "preview", "--recording-days", "365"])
    assert (shown.exit_code, recording_id in shown.output) == (0, True)
    assert person.get(f"{DOOR}/{recording_id}").status_code == 200


# --- what admins see ------------------------------------------------------------------------------


def job_of(server: ThreadServer, recording_id: str) -> str:
    with server.runtime.database.read() as session:
        return server.runtime.jobs.latest(session, recording_id).id


def test_jobs_of_all_without_what_they_are_about(server: ThreadServer, person: Client) -> None:
    mine, theirs = sent(server.client), sent(person)
    their_id = person.get("/api/v1/me").json()["id"]
    answer = server.client.get(JOBS)
    items = {item["session_id"]: item for item in answer.json()["items"]}
    assert {mine, theirs} <= set(items)
    assert items[theirs]["owner"] == {"id": their_id, "name": "test_jobs_of_all_without_what_they_are_about"}
    assert (items[theirs]["state"], items[theirs]["attempt"]) == ("completed", 1)
    assert "call" not in answer.text
    assert "call.wav" not in answer.text
    only = server.client.get(JOBS, params={"owner": their_id, "state": "completed"}).json()["items"]
    assert {item["owner"]["name"] for item in only} == {"test_jobs_of_all_without_what_they_are_about"}
    assert server.client.get(JOBS, params={"state": "failed"}).json()["items"] == []
    first = server.client.get(JOBS, params={"limit": 1}).json()
    second = server.client.get(JOBS, params={"limit": 200, "before": first["next"]}).json()
    assert first["items"] + second["items"] == answer.json()["items"]
    assert second["next"] is None
    for limit in (0, 201):
        assert server.client.get(JOBS, params={"limit": limit}).status_code == 422
    assert server.client.get(f"{DOOR}/{theirs}").status_code == 404


def test_anybodys_job_is_stopped_and_run_again(server: ThreadServer, person: Client) -> None:
    recording_id = sent(person)
    job_id = job_of(server, recording_id)
    with server.runtime.database.write() as session:
        later = clock.now() + timedelta(hours=1)
        change = update(JobTable).where(JobTable.id == job_id).values(state="queued", paused_until=later)
        session.execute(change)
    refused = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    stopped = server.client.post(f"{JOBS}/{job_id}/cancel")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "cancelled")
    assert server.client.post(f"{JOBS}/{job_id}/cancel").status_code == 409
    again = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert again.status_code == 202
    assert again.json()["job_id"] == job_of(server, recording_id) != job_id
    assert person.until_ended(recording_id)["status"] == "completed"
    late = server.client.post(f"{JOBS}/{job_id}/requeue")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert server.client.post(f"{JOBS}/unknown/cancel").status_code == 404
    entries = person.get("/api/v1/me/activity").json()["items"]
    assert [entry["action"] for entry in entries[:2]] == ["job.retried", "job.cancelled"]
    assert {entry["actor"]["user"] for entry in entries[:2]} == {"owner"}


def test_room(server: ThreadServer, person: Client) -> None:
    kept, _ = sent(person), sent(person)
    person.put(f"{DOOR}/{kept}/hold")
    choose(person, media_days=0)
    sweep(server)
    person.post("/api/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1000"})
    found = server.client.get(f"{ADMIN}/storage").json()
    (use,) = [user for user in found["users"] if user["name"] == "test_room"]
    assert (use["recordings"], use["bytes"], use["held"]) == (2, len(SPEECH), 1)
    assert (use["uploads"], use["upload_bytes"]) == (1, 1000)
    assert 0 < found["disk"]["free"] < found["disk"]["total"]


def test_where_a_setting_comes_from(
    server: ThreadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("tiro_http_port=8000\nTIRO_AUDIT_DAYS=365\nTIRO_LOG_LEVEL=\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIRO_AUDIT_DAYS", "365")
    items = server.client.get(f"{ADMIN}/settings").json()["items"]
    sources = {item["name"]: item["source"] for item in items}
    assert sources["TIRO_HTTP_PORT"] == "file"
    assert sources["TIRO_AUDIT_DAYS"] == "environment"  # which goes before the file
    assert sources["TIRO_LOG_LEVEL"] == "default"


def test_settings_without_secrets(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"auth": {"secret": SECRET}, "openai": {"url": "http://u:hush@127.0.0.1:9/v1", "key": "sk-hidden"}}
    settings = make_settings(server.runtime.settings.data, **more)
    for name in ("auth", "openai"):
        monkeypatch.setattr(server.runtime.settings, name, getattr(settings, name))
    answer = server.client.get(f"{ADMIN}/settings")
    found = {item["name"]: item for item in answer.json()["items"]}
    for name, value, default, source in (
        ("TIRO_HTTP_PORT", 8000, True, "default"),
        ("TIRO_ENGINE_DOWNLOAD", False, False, "command line"),
    ):
        assert found[name] == {"name": name, "value": value, "default": default, "source": source}
    assert found["TIRO_AUTH_SECRET"]["value"] == found["TIRO_OPENAI_KEY"]["value"] == "********"
    assert found["TIRO_OPENAI_URL"]["value"] == "http://********@127.0.0.1:9/v1"
    for secret in (SECRET, "sk-hidden", "hush"):
        assert secret not in answer.text


def test_health_tells_what_the_doctor_finds(server: ThreadServer) -> None:
    found = server.client.get(f"{ADMIN}/health").json()
    assert (found["status"], found["queue"]["running"]) == ("ok", 0)
    assert {check["count"] for check in found["checks"]} == {0}
    assert {"database", "storage", "worker", "engine:echo"} <= set(found["components"])
    for number in range(12):
        server.runtime.users.create(f"one of many {number}")
    with server.runtime.database.write() as session:
        session.execute(update(UserTable).values(recordings=UserTable.recordings + 1))
    try:
        found = server.client.get(f"{ADMIN}/health").json()
        assert found["status"] == "degraded"
        (broken,) = [check for check in found["checks"] if check["count"]]
        assert broken["promise"] == "every user's recordings are counted"
        assert "owner" in broken["faults"]
        assert len(broken["faults"]) == 10 < broken["count"]
    finally:
        with server.runtime.database.write() as session:
            session.execute(update(UserTable).values(recordings=UserTable.recordings - 1))


# --- many users -----------------------------------------------------------------------------------


def test_many_policies_at_once(tmp_path: Path) -> None:
    """Each user's recordings go by their own days, those of all others by the server's."""
    database = Database(f"sqlite:///{tmp_path / 'tiro.db'}")
    Table.metadata.create_all(database.engine)
    users, plan = UserService(database), RetentionPlan(database, Policy(recording_days=30))
    chosen = {"none": None, "ten": 10, "twenty": 20, "same": 30}
    expected: dict[str, int] = {}
    for name, days in chosen.items():
        user = users.create(name)
        if days is not None:
            plan.choose(user.id, Policy(recording_days=days))
        for age in (5, 15, 25, 35):
            recording_id = f"{name} {age}"
            put_row(database, recording_id, user.id, clock.now() - timedelta(days=age))
            if age > (days or 30):
                expected[recording_id] = days or 30
    assert {due.recording_id: due.days for due in plan.due()} == expected
    assert len(plan.due(limit=2)) == 2
    database.close()


def put_row(database: Database, recording_id: str, owner_id: str, at: datetime) -> None:
    """A recording whose job is done."""
    recording = RecordingTable(
        id=recording_id,
        owner_id=owner_id,
        title="call",
        filename="call.wav",
        size=1,
        sha256="",
        passing=False,
        created_at=at,
    )
    job = JobTable(
        id=recording_id,
        recording_id=recording_id,
        user_id=owner_id,
        state="completed",
        priority=1,
        options={},
        tries_left=2,
        created_at=at,
        queued_at=at,
    )
    with database.write() as session:
        session.add(recording)
        session.flush()
        session.add(job)


def test_queues_and_who_is_there(server: ThreadServer) -> None:
    before = server.client.get(f"{ADMIN}/queues").json()
    recording_id = sent(server.client)
    in_state(server, recording_id, "queued")
    found = server.client.get(f"{ADMIN}/queues").json()
    lanes = {lane["queue"]: lane for lane in found["items"]}
    assert set(lanes) == {"cpu", "gpu", "remote", "llm"}
    (worker,) = found["workers"]
    assert worker["slots"] == server.runtime.settings.jobs.parallel
    assert lanes["cpu"]["workers"] == 1
    assert found["stranded"] == []
    assert found["states"]["queued"] == before["states"]["queued"] + 1
    recordings = sum(user["recordings"] for user in server.client.get(f"{ADMIN}/storage").json()["users"])
    assert sum(found["states"].values()) == recordings  # of several jobs the latest speaks for each
    (job,) = server.client.get(JOBS, params={"queue": "cpu", "state": "queued", "limit": 1}).json()["items"]
    told = (job["session_id"], job["queue"], job["engine"], job["waits_for"])
    assert told == (recording_id, "cpu", "echo", None)
    assert server.client.get(JOBS, params={"queue": "gpu"}).json()["items"] == []


@pytest.mark.skipif(POSTGRESQL, reason="a server that is alone is made one of several")
def test_queues_of_several_workers(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose jobs are not this process's: those who are alive are shown, and what nobody can do is named."""
    fleet, database = server.runtime.fleet, server.runtime.database
    first, second = sent(server.client), sent(server.client)
    monkeypatch.setattr(fleet, "alone", False)
    monkeypatch.setattr(fleet, "_known_at", float("-inf"))
    worker = Worker("worker-1", "far", ("cpu", "llm"), ("echo",), 3)
    before = server.client.get(f"{ADMIN}/queues").json()
    assert before["workers"] == []
    in_state(server, first, "running")
    in_state(server, second, "queued")
    with database.write() as session:
        fleet.beat(session, worker)
        owned = update(JobTable).where(JobTable.recording_id == first)
        session.execute(owned.values(owner="worker-1"))
        waits = update(JobTable).where(JobTable.recording_id == second)
        long_ago = clock.now() - timedelta(seconds=50)
        session.execute(waits.values(queue="gpu", engine="whisper", queued_at=long_ago, paused_until=None))
        # What it gave back is not what it is at.
        session.execute(waits.values(owner="worker-1"))
    try:
        monkeypatch.setattr(fleet, "_known_at", float("-inf"))
        found = server.client.get(f"{ADMIN}/queues").json()
        (alive,) = found["workers"]
        told = {"id": "worker-1", "host": "far", "queues": ["cpu", "llm"], "engines": ["echo"], "slots": 3}
        assert alive == told | {"busy": 1}
        lanes = {lane["queue"]: lane for lane in found["items"]}
        assert [lanes[name]["workers"] for name in ("cpu", "gpu", "remote", "llm")] == [1, 0, 0, 1]
        assert lanes["cpu"]["running"] == 1
        assert 45 < lanes["gpu"]["oldest_seconds"] < 500
        lack = "a worker for the queue gpu with the engine whisper"
        assert found["stranded"] == [lack]
        (job,) = server.client.get(JOBS, params={"queue": "gpu"}).json()["items"]
        assert job["waits_for"] == lack
        (job,) = server.client.get(JOBS, params={"state": "running"}).json()["items"]
        assert (job["worker"], job["waits_for"]) == ("worker-1", None)
    finally:
        with database.write() as session:
            fleet.leave(session, worker)
        for recording_id in (first, second):
            in_state(server, recording_id, "completed")


def test_what_takes_room(server: ThreadServer) -> None:
    sent(server.client)
    found = server.client.get(f"{ADMIN}/storage").json()
    kinds = found["kinds"]
    assert kinds["recordings"] == sum(user["bytes"] for user in found["users"]) > 0
    assert kinds["database"] > 10_000
    assert (kinds["models"], found["bucket"]) == (0, None)
