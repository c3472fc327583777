"""R2: a broken upload resumes, whatever breaks: lines, the server, or both; the client is tus's own."""

from __future__ import annotations

import hashlib
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.brokenproxy import broken_proxy
from tests.checkup import assert_sound, rows
from tests.makecall import wav
from tests.serving import Client, ServerProcess, wait_until
from tusclient.client import TusClient

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
            retries=200,
            retry_delay=0.1,
            **options,
        )

        def kill_in_the_middle() -> None:
            [part] = wait_until(lambda: list((data / "uploads").glob("*-*-*-*-????????????")), what="a part")
            wait_until(lambda: part.stat().st_size > size // 2, seconds=100, pause=0.001, what="half of it")
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


@pytest.mark.parametrize("options", [{}, {"chunk_size": 2 * MEGABYTE, "upload_checksum": True}])
def test_resets_and_a_kill(tmp_path: Path, options: dict[str, Any]) -> None:
    house = upload_through_faults(tmp_path, 32, **options)
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
