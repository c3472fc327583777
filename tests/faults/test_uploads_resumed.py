"""R2: a broken upload resumes, whatever breaks: lines, the server, or both; the client is tus's own."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.brokenproxy import broken_proxy
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.databases import reaching_into, refusing, stuck_at
from tests.makecall import wav
from tests.serving import Client, ServerProcess, thread_server, wait_until
from tusclient.client import TusClient

from tiro.bootstrap.data import inspect_data
from tiro.kit.ids import uuid7
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts

MEGABYTE = 10**6
SPEECH = wav(seconds=3)
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
RESETS = 20


def noise(path: Path, megabytes: int) -> str:
    """A recording of noise that compresses in no way and repeats nowhere; returns its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        header = bytearray(wav(seconds=1)[:44])
        size = megabytes * MEGABYTE
        header[4:8] = (36 + size).to_bytes(4, "little")
        header[40:44] = size.to_bytes(4, "little")
        source = random.Random(megabytes)
        for data in (bytes(header), *(None,) * megabytes):
            chunk = data or source.randbytes(MEGABYTE)
            file.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def peak(server: ServerProcess) -> float:
    """The most memory that the server has had so far, in MB."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def sha256_of(client: Client, path: str) -> str:
    digest = hashlib.sha256()
    with client.stream("GET", path) as answer:
        for chunk in answer.iter_bytes():
            digest.update(chunk)
    return digest.hexdigest()


class Uploads:
    """A server that is killed and comes back, and what it took of memory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.server = ServerProcess(data)
        self._at_start = peak(self.server)
        self.growth = 0.0

    def look(self) -> None:
        self.growth = max(self.growth, peak(self.server) - self._at_start)

    def kill_and_restart(self) -> None:
        self.look()
        self.server.kill()
        self.server = ServerProcess(self._data)
        self._at_start = peak(self.server)


def upload_through_faults(folder: Path, megabytes: int, **options: Any) -> Uploads:
    """Send a file through resets, and a kill of the server in the middle of a request. What arrives is what
    was sent; the server is left running."""
    file, data = folder / "noise.wav", folder / "data"
    digest = noise(file, megabytes)
    size = file.stat().st_size
    house = Uploads(data)
    breaks = random.Random(7).sample(range(size // 50, size), RESETS)
    with broken_proxy(house.server.address, breaks) as proxy, file.open("rb") as stream:
        key = (data / "key").read_text().strip()
        client = TusClient(f"{proxy.address}/api/v1/uploads", {"Authorization": f"Bearer {key}"})
        uploader = client.uploader(
            file_stream=stream,
            metadata={"filename": "noise.wav", "engine": "echo"},
            retries=300,
            retry_delay=0.05,
            **options,
        )

        def kill_in_the_middle() -> None:
            [part] = wait_until(lambda: list((data / "uploads").glob("*-*-*-*-????????????")), what="a part")
            wait_until(lambda: part.stat().st_size > size // 2, seconds=240, pause=0.001, what="half of it")
            house.kill_and_restart()
            proxy.target = house.server.address

        killing = threading.Thread(target=kill_in_the_middle)
        killing.start()
        uploader.upload()
        killing.join()
        house.look()
        assert proxy.resets >= RESETS
    upload_id = str(uploader.url).rpartition("/")[2]
    answer = house.server.client.head(f"/api/v1/uploads/{upload_id}", headers=TUS)
    session_id = answer.headers["tiro-session"]
    house.server.client.post(f"/api/v1/transcribe/{session_id}/cancel")
    assert sha256_of(house.server.client, f"/api/v1/transcribe/{session_id}/media") == digest
    assert len(rows(data, "SELECT id FROM recordings")) == 1
    return house


@pytest.mark.slow
def test_resets_and_a_kill(tmp_path: Path) -> None:
    house = upload_through_faults(tmp_path, 32)
    house.server.stop()
    assert_sound(tmp_path / "data")


@pytest.mark.slow
def test_resets_and_a_kill_with_checksums(tmp_path: Path) -> None:
    house = upload_through_faults(tmp_path, 32, chunk_size=2 * MEGABYTE, upload_checksum=True)
    house.server.stop()
    assert_sound(tmp_path / "data")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_gigabyte_through_resets_and_a_kill(tmp_path: Path) -> None:
    house = upload_through_faults(tmp_path, 1000, chunk_size=64 * MEGABYTE)
    print(f"the server grew by {house.growth:.0f} MB")
    assert house.growth < 100
    house.server.stop()
    assert_sound(tmp_path / "data")


def begin(client: Client) -> str:
    """The id of an upload of SPEECH."""
    engine = f"engine {base64.b64encode(b'echo').decode()}"
    headers = {**TUS, "Upload-Length": str(len(SPEECH)), "Upload-Metadata": engine}
    return str(client.post("/api/v1/uploads", headers=headers).headers["location"].rpartition("/")[2])


def patch(client: Client, upload_id: str, offset: int, data: bytes) -> httpx.Response:
    headers = {**OCTETS, "Upload-Offset": str(offset)}
    return client.patch(f"/api/v1/uploads/{upload_id}", content=data, headers=headers)


def assert_becomes_one_recording(data: Path, upload_id: str) -> None:
    """After a restart the upload becomes a recording, even if its sender never asks; if it does, it learns
    which."""
    faults = {found.promise: found.faults for found in inspect_data(make_settings(data)) if found.faults}
    assert not faults
    with thread_server(make_settings(data), recover=True) as server:
        query = "SELECT recording_id FROM uploads WHERE id = ? AND finished_at IS NOT NULL"
        [row] = wait_until(lambda: rows(data, query, upload_id), what="the end of the upload")
        session_id = row["recording_id"]
        head = server.client.head(f"/api/v1/uploads/{upload_id}", headers=TUS)
        assert head.headers["tiro-session"] == session_id
        assert server.client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH
        assert server.client.until_ended(session_id)["status"] == "completed"
        assert [row["id"] for row in rows(data, "SELECT id FROM recordings")] == [session_id]
        assert not list(Path(server.runtime.storage.aside).glob("*"))
    assert_sound(data)


@pytest.mark.parametrize("moved", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_server_dies_before_the_recording_is_made(tmp_path: Path, moved: bool) -> None:
    """All bytes are here, the recording's id is chosen, perhaps its file is in place; its row is missing."""
    with thread_server(make_settings(tmp_path)) as server:
        upload_id = begin(server.client)
        patch(server.client, upload_id, 0, SPEECH[:-99])
    parts = LocalParts(tmp_path, LocalStorage(tmp_path, 0))
    with parts.append(upload_id, unproven=False) as writer:
        writer.write(SPEECH[-99:])
    recording_id = str(uuid7())
    with reaching_into(tmp_path) as execute:
        execute("UPDATE uploads SET recording_id = ?", recording_id)
    if moved:
        parts.whole(upload_id, recording_id).commit()
    assert_becomes_one_recording(tmp_path, upload_id)


@pytest.mark.slow
def test_killed_while_the_row_is_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data)
    upload_id = begin(server.client)
    with stuck_at(data, "INSERT ON recordings"):
        sending = threading.Thread(target=lambda: suppress_loss(server.client, upload_id))
        sending.start()
        wait_until(lambda: list((data / "media").glob("*/*")), what="the file in its place")
        server.kill()
        sending.join()
    assert_becomes_one_recording(data, upload_id)


def suppress_loss(client: Client, upload_id: str) -> None:
    with suppress(httpx.TransportError):
        patch(client, upload_id, 0, SPEECH)


def test_a_database_that_refuses_the_row_leaves_the_upload_whole(tmp_path: Path) -> None:
    with thread_server(make_settings(tmp_path)) as server:
        upload_id = begin(server.client)
        with refusing(tmp_path, "INSERT ON recordings"):
            assert patch(server.client, upload_id, 0, SPEECH).status_code == 500
            assert set(server.runtime.storage.inventory()) == set()
            assert server.client.head(f"/api/v1/uploads/{upload_id}", headers=TUS).status_code == 500
        again = patch(server.client, upload_id, len(SPEECH), b"")
        session_id = again.headers["tiro-session"]
        assert server.client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH
        server.client.until_ended(session_id)
    assert_sound(tmp_path)


def test_bytes_without_their_checksum_do_not_outlive_the_process(tmp_path: Path) -> None:
    """A process that dies leaves its files as they are; the next must not count what was never proven."""
    parts = LocalParts(tmp_path, LocalStorage(tmp_path, 0))
    parts.begin("a", 100)
    with parts.append("a", unproven=False) as proven:
        proven.write(b"proven")
    dying = parts.append("a", unproven=True)
    dying.__enter__().write(b" and not")
    part = tmp_path / "uploads" / "a"
    assert part.read_bytes() == b"proven and not"
    after = LocalParts(tmp_path, LocalStorage(tmp_path, 0))
    assert set(after.parts()) == {"a"}
    assert after.size("a") == 6
    assert part.read_bytes() == b"proven"
    # What comes next is counted as ever.
    with after.append("a", unproven=False) as more:
        more.write(b", more")
    assert after.size("a") == 12
    assert os.listdir(tmp_path / "uploads") == ["a"]
