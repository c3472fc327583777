"""R8: a full disk refuses what is new, keeps what is there, and is forgotten once there is room again."""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.databases import sqlites_own
from tests.makecall import wav
from tests.serving import ThreadServer, thread_server, wait_until

MEGABYTE = 10**6
SPEECH = wav(seconds=4)
LARGE = wav(seconds=400)  # 12.8 MB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root, to mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Take all room but ``leave`` bytes; returns the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
        file.truncate(max(0, file.tell() - leave))
    return ballast


def assert_reads_work(server: ThreadServer, session_id: str) -> None:
    client = server.client
    assert client.session(session_id)["status"] == "completed"
    assert client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH
    assert client.get(f"/api/v1/transcribe/{session_id}/transcript.txt").status_code == 200
    assert client.get("/api/v1/transcribe").json()["total"] >= 1


def assert_refused(server: ThreadServer, data: bytes) -> None:
    answer = server.client.send_file("call.wav", data)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full"), answer.text
    assert "disk is full" in answer.json()["detail"]
    assert not list((server.runtime.settings.data / "incoming").iterdir())
    assert set(server.runtime.storage.inventory()) == server.runtime.recordings.ids()


def test_uploads_until_the_disk_is_full(small_disk: Path) -> None:
    settings = make_settings(small_disk / "data", storage={"reserve": 8 * MEGABYTE})
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        kept = []
        while (answer := server.client.send_file("large.wav", LARGE, engine="echo:100")).status_code == 202:
            kept.append(answer.json()["session_id"])
        assert 3 <= len(kept) <= 4
        assert_refused(server, LARGE)
        assert_reads_work(server, session_id)
        # What fits still comes in: the refusal is for want of room, not for good.
        assert server.client.send_file("call.wav", SPEECH).status_code == 202
        # One that still waits; of one at work the decoder holds the file for a moment longer.
        server.client.delete(f"/api/v1/transcribe/{kept.pop()}")
        again = server.client.send_file("large.wav", LARGE, engine="echo:100")
        assert again.status_code == 202
        for one in [*kept, again.json()["session_id"]]:
            server.client.post(f"/api/v1/transcribe/{one}/cancel")
    assert_sound(settings.data)


def test_an_upload_that_outgrows_the_disk_leaves_nothing(small_disk: Path) -> None:
    """The room goes while the upload comes in, so that what its sender announced is of no help."""
    settings = make_settings(small_disk / "data", storage={"reserve": 0})
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        ballast: Path | None = None
        half = len(LARGE) // 2

        def body() -> Iterator[bytes]:
            nonlocal ballast
            yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
            yield LARGE[:half]
            incoming = settings.data / "incoming"
            wait_until(lambda: any(path.stat().st_size for path in incoming.iterdir()), what="the first half")
            ballast = fill(small_disk, leave=MEGABYTE)
            yield LARGE[half:]
            yield b"\r\n--b--\r\n"

        answer = server.client.post(
            "/api/v1/transcribe", content=body(), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full"), answer.text
        assert not list((settings.data / "incoming").iterdir())
        assert_reads_work(server, session_id)
        assert ballast is not None
        ballast.unlink()
        assert server.client.send_file("call.wav", SPEECH, wait=30).json()["status"] == "completed"
    assert_sound(settings.data)


@pytest.mark.slow
def test_a_resumable_upload_waits_for_room(small_disk: Path) -> None:
    settings = make_settings(small_disk / "data", storage={"reserve": 8 * MEGABYTE})
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    with thread_server(settings) as server:
        client = server.client
        huge = client.post("/api/v1/uploads", headers={**tus, "Upload-Length": str(60 * MEGABYTE)})
        assert (huge.status_code, huge.json()["code"]) == (507, "storage_full")
        assert not list((settings.data / "uploads").iterdir())
        engine = "engine " + base64.b64encode(b"echo:100").decode()
        begun = {**tus, "Upload-Length": str(len(LARGE)), "Upload-Metadata": engine}
        url = client.post("/api/v1/uploads", headers=begun).headers["location"]

        def patch(offset: int) -> httpx.Response:
            return client.patch(url, headers={**tus, "Upload-Offset": str(offset)}, content=LARGE[offset:])

        # All of it is taken, not only the reserve: what the disk itself refuses must not be counted either.
        ballast = fill(small_disk, leave=5 * MEGABYTE)
        full = patch(0)
        assert (full.status_code, full.json()["code"]) == (507, "storage_full"), full.text
        offset = int(client.head(url, headers=tus).headers["upload-offset"])
        assert 0 < offset < len(LARGE)
        ballast.unlink()
        session_id = patch(offset).headers["tiro-session"]
        assert client.get(f"/api/v1/transcribe/{session_id}/media").content == LARGE
        client.post(f"/api/v1/transcribe/{session_id}/cancel")
    assert_sound(settings.data)


@contextmanager
def growing_journal(data: Path) -> Iterator[None]:
    """A reader that stays, so that SQLite cannot use the room in its journal again and must ask for more."""
    with closing(sqlite3.connect(data / "tiro.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM jobs").fetchone()
        yield


@sqlites_own
@pytest.mark.slow
def test_the_database_on_a_full_disk(small_disk: Path) -> None:
    settings = make_settings(small_disk / "data", storage={"reserve": 0}, jobs={"lease_seconds": 4.0})
    with thread_server(settings) as server:
        client = server.client
        session_id = client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        # At work while the room goes; what it finds cannot be recorded any more.
        working = client.send_file("long.wav", wav(30), engine="echo:0.1").json()["session_id"]
        wait_until(lambda: client.session(working)["stage"] == "transcribe", what="the engine at work")
        with growing_journal(settings.data):
            ballast = fill(small_disk)
            assert_refused(server, SPEECH)
            assert client.post(f"/api/v1/transcribe/{session_id}/retry").status_code == 507
            assert client.delete(f"/api/v1/transcribe/{session_id}").status_code == 507
            assert_reads_work(server, session_id)
            wait_until(
                lambda: server.runtime.runner.busy == 0, what="the end of work that cannot be recorded"
            )
            assert client.get("/api/v1/health").status_code == 200
            ballast.unlink()
            assert client.until_ended(working)["status"] == "completed"
        assert client.send_file("call.wav", SPEECH, wait=30).json()["status"] == "completed"
    assert_sound(settings.data)
