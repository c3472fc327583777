"""What is kept for long enough goes, what is on hold stays, and rows and files agree at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server
from typer.testing import CliRunner

from tiro.bootstrap.server import inspect_data, open_database
from tiro.cli.main import app
from tiro.db.session import Database
from tiro.db.tables import JobTable, RecordingTable
from tiro.features.retention.service import Policy, RetentionPlan
from tiro.features.users.service import UserService
from tiro.kit import clock

SPEECH = wav(seconds=1)
DOOR = "/api/v1/transcribe"
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
        session.execute(change.values(state=state, queued_at=far, lease_until=far))


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
    nothing = person.get(f"{RETENTION}/preview").json()
    assert nothing == {"media": 0, "recordings": 0, "bytes": 0, "items": []}
    query = {"media_days": 10, "recording_days": 30}
    shown = person.get(f"{RETENTION}/preview", params=query).json()
    assert (shown["media"], shown["recordings"], shown["bytes"]) == (1, 1, 2 * len(SPEECH))
    assert [(item["session_id"], item["part"]) for item in shown["items"]] == [
        (old, "recording"),
        (young, "media"),
    ]
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


def test_an_interrupted_removal_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row goes first. Whatever dies between it and the file, the next start knows what was meant."""
    settings = make_settings(tmp_path, retention={"media_days": 0})

    def fails(_key: str) -> None:
        raise OSError("the disk is read-only")

    with thread_server(settings) as server:
        first, second, third = (sent(server.client) for _ in range(3))
        stranger = file_of(server, "a-file-of-unknown-origin")
        stranger.parent.mkdir(exist_ok=True)
        stranger.touch()
        with monkeypatch.context() as patched:
            patched.setattr(server.runtime.storage, "delete", fails)
            sweep(server)
            assert server.client.get(f"{DOOR}/{first}/media").status_code == 410
            assert file_of(server, first).exists()
            broken = {found.promise: found.faults for found in inspect_data(settings, settle_seconds=0)}
            assert len(broken["no file outlives its removal"]) == 3
            with pytest.raises(OSError, match="read-only"):
                server.runtime.recordings.delete(second)
        file_of(server, third).rename(tmp_path / "elsewhere")
        sweep(server)
        assert not file_of(server, first).exists()
        (tmp_path / "elsewhere").rename(file_of(server, third))
        file_of(server, second).touch()
        server.runtime.recover()
        assert not file_of(server, third).exists()
        assert not file_of(server, second).exists()
        assert [path.name for path in (tmp_path / "orphaned").iterdir()] == [stranger.name]
    assert_sound(tmp_path)


def test_the_command_line_shows_what_would_go(
    server: ThreadServer, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = sent(person)
    aged(server, recording_id, days=400)
    monkeypatch.setenv("TIRO_DATA", str(server.runtime.settings.data))
    runner = CliRunner()
    assert recording_id not in runner.invoke(app, ["retention", "preview"]).output
    shown = runner.invoke(app, ["retention", "preview", "--recording-days", "365"])
    assert (shown.exit_code, recording_id in shown.output) == (0, True)
    assert person.get(f"{DOOR}/{recording_id}").status_code == 200


def test_many_policies_at_once(tmp_path: Path) -> None:
    """Each user's recordings go by their own days, those of all others by the server's."""
    database = open_database(make_settings(tmp_path))
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
