"""How long a page of 50 among 100,000 recordings takes while a job runs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update
from tests.serving import Client, ServerProcess, server_process, wait_until

from bench import recordings
from bench.report import Spread, say, table, target
from tiro.bootstrap.data import open_database
from tiro.db.session import Database
from tiro.db.tables import JobTable, RecordingTable, ShareTable, Table, TranscriptTable, UserTable
from tiro.features.groups.service import GroupService
from tiro.features.keys.service import KeyService
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.settings import Settings
from tiro.speech.result import media_json, metadata_json
from tiro.speech.types import ChannelLayout, Drop, MediaInfo, Notice, Transcript

_RECORDINGS = 100_000
_ROUNDS = 60
_LIMIT = 20.0
_FRIEND = "friend"
_ASKED: dict[str, dict[str, str | int]] = {
    "first page": {"limit": 50},
    "page 100": {"limit": 50, "offset": 5_000},
    "last page": {"limit": 50, "offset": 99_900},
    "status=completed": {"limit": 50, "status": "completed"},
    "status=failed (1 in 50)": {"limit": 50, "status": "failed"},
    "status=running (one)": {"limit": 50, "status": "running"},
}
_SHARED: dict[str, dict[str, str | int]] = {
    "shared, first page": {"limit": 50, "shared": "true"},
    "shared, last page": {"limit": 50, "offset": 99_900, "shared": "true"},
    "shared, status=failed": {"limit": 50, "shared": "true", "status": "failed"},
    "shared and own": {"limit": 50, "shared": "all"},
}
"""As somebody in two groups, with one of which all recordings are shared, and each third with the other."""
_INFO = MediaInfo("wav", "pcm_s16le", 16_000, 2, bit_rate=512_000, claimed_duration=300.0)
_MEDIA = media_json(_INFO)
_SUMMARY = metadata_json(
    Transcript(
        segments=(),
        language="en",
        duration=300.0,
        layout=ChannelLayout("split", ("left", "right"), "two speakers"),
        media=replace(_INFO, duration=300.0),
        engine="echo",
        models={"echo": "echo 1"},
        drops=tuple(
            Drop(i * 20.0, i * 20.0 + 2, "thank you", "stock_phrase", "no speech") for i in range(10)
        ),
        notices=(Notice("engine_notice", "The engine only counts."),),
    )
)


def run() -> None:
    asked_of_both = _ASKED | _SHARED
    times: dict[str, list[float]] = {name: [] for name in asked_of_both}
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        fill(folder / "data", _RECORDINGS)
        _share(folder / "data")
        long = recordings.make(folder / "long.m4a", 6 * 3600)
        with (
            server_process(folder / "data") as server,
            Client(server.address, _key_of_friend(folder / "data")) as friend,
        ):
            session_id = _start_job(server, long)
            for _ in range(1 + _ROUNDS):
                for asked, params in asked_of_both.items():
                    client = friend if asked in _SHARED else server.client
                    times[asked].append(_page(client, params))
            for measured in times.values():
                measured.pop(0)  # the first warms up
            status = server.client.session(session_id)["status"]
            assert status == "running", f"the job was {status} before the measurement was over"
    say(f"GET /api/v1/transcribe, {_RECORDINGS:,} recordings, {_ROUNDS} rounds interleaved, one connection;")
    say(
        "a job with real decoding and speech detection (echo, 6 h of speech) runs all the time. Milliseconds."
    )
    say()
    rows = [
        [asked, f"{spread.median:.1f}", f"{spread.percentile(0.95):.1f}", f"{spread.values[-1]:.1f}"]
        for asked, spread in ((asked, Spread(values)) for asked, values in times.items())
    ]
    table(["page", "p50", "p95", "worst"], rows)
    target("p95 of the first page", Spread(times["first page"]).percentile(0.95), _LIMIT, "ms", 1)


def _page(client: Client, params: dict[str, str | int]) -> float:
    started = time.perf_counter()
    answer = client.get("/api/v1/transcribe", params=params)
    elapsed = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"]
    return elapsed


def _start_job(server: ServerProcess, recording: Path) -> str:
    with recording.open("rb") as file:
        answer = server.client.post(
            "/api/v1/transcribe", files={"audio": (recording.name, file)}, data={"engine": "echo"}
        )
    assert answer.status_code == 202, answer.text
    session_id = str(answer.json()["session_id"])
    wait_until(
        lambda: server.client.session(session_id)["progress"]["position"] > 30,
        seconds=60,
        what="the job's progress",
    )
    return session_id


def fill(data: Path, count: int) -> None:
    """Put so many finished recordings into the database, row by row as the server would have left them."""
    database = open_database(Settings(data=data))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with database.write() as session:
        owner_id = UserService(database).owner(session).id
    step = 5_000
    try:
        for first in range(0, count, step):
            rows = [
                _rows(number, begin + timedelta(minutes=number), owner_id)
                for number in range(first, first + step)
            ]
            with database.write() as session:
                for kind in (RecordingTable, JobTable, TranscriptTable):
                    session.execute(insert(kind), [row[kind] for row in rows if kind in row])
        with database.write() as session:
            session.execute(update(UserTable).values(recordings=count))
    finally:
        database.close()


def _share(data: Path) -> None:
    database = open_database(Settings(data=data))
    try:
        with database.write() as session:
            owner_id = UserService(database).owner(session).id
        _share_of(database, owner_id)
    finally:
        database.close()


def _share_of(database: Database, owner_id: str) -> None:
    users = UserService(database)
    groups = GroupService(database, users)
    friend = users.create(_FRIEND)
    for every in (1, 3):
        group = groups.create(f"each {every}")
        groups.add_member(group.id, friend.id)
        with database.write() as session:
            found = session.scalars(select(RecordingTable.id).where(RecordingTable.owner_id == owner_id))
            rows = [
                {
                    "id": f"{every}-{recording_id}",
                    "recording_id": recording_id,
                    "owner_id": owner_id,
                    "group_id": group.id,
                    "role": "viewer",
                    "created_at": clock.now(),
                }
                for recording_id in list(found)[::every]
            ]
            session.execute(insert(ShareTable), rows)


def _key_of_friend(data: Path) -> str:
    """Made once the server has made its own, which it does only where there is none."""
    database = open_database(Settings(data=data))
    try:
        return KeyService(database, UserService(database)).create("key", _FRIEND)[1]
    finally:
        database.close()


def _rows(number: int, at: datetime, owner_id: str) -> dict[type[Table], dict[str, Any]]:
    recording_id = _id(at, number)
    failed = number % 50 == 7
    error = {"code": "corrupt_media", "message": "The file is damaged."} if failed else None
    recording = {
        "id": recording_id,
        "owner_id": owner_id,
        "title": f"Call {number}",
        "filename": f"call-{number}.wav",
        "size": 9_600_044,
        "sha256": f"{number:064x}",
        "media": _MEDIA,
        "passing": False,
        "created_at": at,
    }
    job_id = _id(at, number + _RECORDINGS)
    job = {
        "id": job_id,
        "recording_id": recording_id,
        "user_id": owner_id,
        "latest": True,
        "state": "failed" if failed else "completed",
        "stage": None,
        "priority": 1,
        "options": {"engine": "echo", "language": None, "channels": "auto"},
        "attempt": 1,
        "tries_left": 2,
        "lease_until": None,
        "owner": None,
        "cancel_requested": False,
        "position": 300.0,
        "media": _MEDIA,
        "layout": {"mode": "split", "labels": ["left", "right"], "reason": "two speakers"},
        "error": error,
        "created_at": at,
        "queued_at": at,
        "started_at": at,
        "finished_at": at + timedelta(seconds=20),
        "busy_seconds": 20.0,
    }
    if failed:
        return {RecordingTable: recording, JobTable: job}
    transcript = {
        "job_id": job_id,
        "recording_id": recording_id,
        "current": True,
        "summary": _SUMMARY,
        "version": 1,
        "first_version": 1,
        "next_position": 0,
        "created_at": at + timedelta(seconds=20),
    }
    return {RecordingTable: recording, JobTable: job, TranscriptTable: transcript}


def _id(at: datetime, number: int) -> str:
    """Shaped like a UUID of version 7: it grows with time."""
    head = f"{int(at.timestamp() * 1000):012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-{number:012x}"
