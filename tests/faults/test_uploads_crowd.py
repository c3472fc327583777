"""R15: many upload at once, and the server answers everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bench import recordings, uploads
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.databases import SECRET
from tests.makecall import wav
from tests.services.postgres import postgres
from tests.services.s3 import s3
from tests.serving import Client, ServerProcess, ThreadServer, thread_server

CROWD = 16
LARGE = wav(seconds=30)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadServer]:
    with thread_server(make_settings(tmp_path / "data")) as running:
        # The jobs would take longer than all the rest.
        monkeypatch.setattr(running.runtime.jobs, "claim", lambda session, owner: None)
        yield running


def test_r15_a_crowd_of_uploads(server: ThreadServer, tmp_path: Path) -> None:
    def send(number: int) -> str:
        data = LARGE + bytes([number])
        with Client(server.address, server.key) as client:
            answer = client.send_file(f"{number}.wav", data)
            assert answer.status_code == 202, answer.text
            assert client.get("/live").status_code == 200
        return str(answer.json()["session_id"])

    with ThreadPoolExecutor(CROWD) as pool:
        ids = list(pool.map(send, range(CROWD)))
    digests = {hashlib.sha256(LARGE + bytes([number])).hexdigest() for number in range(CROWD)}
    kept = rows(tmp_path / "data", "SELECT id, sha256 FROM recordings")
    assert {row["sha256"] for row in kept} == digests
    assert {row["id"] for row in kept} == set(ids)
    assert_sound(tmp_path / "data")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("send", [uploads.post, uploads.tus])
def test_r15_a_hundred_of_20_megabytes(tmp_path: Path, send: Callable[[ServerProcess, Path], str]) -> None:
    path = recordings.make(tmp_path / "call.wav", 625)
    found = uploads.crowd(tmp_path / "data", path, send)
    assert not found.errors
    assert found.growth < 300


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("send", [uploads.post, uploads.tus])
def test_r15_a_hundred_of_20_megabytes_in_s3_and_postgresql(
    tmp_path: Path, send: Callable[[ServerProcess, Path], str]
) -> None:
    path = recordings.make(tmp_path / "call.wav", 625)
    storage = s3().settings()
    settings = {f"storage_{name}": value for name, value in storage.items()}
    settings |= {"database_url": postgres().database(), "auth_secret": SECRET}
    found = uploads.crowd(tmp_path / "data", path, send, **settings)
    print(found)
    assert not found.errors
    bucket = storage["url"].split("/")[2]
    assert len(s3().keys(bucket)) >= 100
    assert not s3().multiparts(bucket)
    assert found.growth < 300
