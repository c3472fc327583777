"""R2 in a bucket: the server is killed between two pieces, within one, and while it puts them together."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import make_settings
from tests.databases import reaching_into
from tests.makecall import silence
from tests.services.s3 import s3
from tests.services.s3_refusing import Refusing, refusing
from tests.serving import ServerProcess, thread_server

from tiro.bootstrap.data import inspect_data

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
RECORDING = silence(600)
THIRD = len(RECORDING) // 3


class Sender:
    """One who sends a recording to a server that dies again and again."""

    def __init__(self, data: Path, storage: dict[str, Any]) -> None:
        self._data = data
        self._settings = {f"storage_{name}": str(value) for name, value in storage.items()}
        self.server = self.start()

    def begin(self) -> str:
        sent = {"engine": "echo", "filename": "long.wav"}
        pairs = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in sent.items())
        headers = {**TUS, "Upload-Length": str(len(RECORDING)), "Upload-Metadata": pairs}
        answer = self.server.client.post("/api/v1/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def patch(self, location: str, start: int, stop: int) -> httpx.Response:
        headers = {**OCTETS, "Upload-Offset": str(start)}
        return self.server.client.patch(location, headers=headers, content=RECORDING[start:stop])

    def head(self, location: str) -> httpx.Response:
        answer = self.server.client.head(location, headers=TUS)
        assert answer.status_code == 200
        return answer

    def die(self) -> None:
        """And come back."""
        self.server.kill()
        self.server = self.start()

    def start(self) -> ServerProcess:
        return ServerProcess(self._data, **self._settings)


@contextmanager
def stuck(front: Refusing, method: str, *parts: str) -> Iterator[threading.Event]:
    """A request to the store that never gets there: set once it has come."""
    come, leave = threading.Event(), threading.Event()

    def holds(asked: str, path: str) -> bool:
        if asked != method or not all(part in path for part in parts):
            return False
        come.set()
        assert leave.wait(60)
        return True

    front.refuses = holds
    try:
        yield come
    finally:
        front.refuses = lambda _method, _path: False
        leave.set()


@pytest.mark.slow
def test_an_upload_survives_its_server(tmp_path: Path) -> None:
    bucket = s3().bucket()
    data, said = tmp_path / "data", s3().settings(bucket)
    with refusing(s3().endpoint) as front, ThreadPoolExecutor(1) as pool:
        sender = Sender(data, said | {"endpoint": front.endpoint})
        try:
            location = sender.begin()
            assert sender.patch(location, 0, THIRD).headers["upload-offset"] == str(THIRD)
            sender.die()
            assert sender.head(location).headers["upload-offset"] == str(THIRD)

            with stuck(front, "PUT", "/uploads/") as come:
                broken = pool.submit(sender.patch, location, THIRD, 2 * THIRD)
                assert come.wait(60)
                sender.server.kill()
                with reaching_into(data) as execute:
                    execute("UPDATE uploads SET holder = 'dead', held_until = '2999-01-01 00:00:00.000000'")
                sender.server = sender.start()
                assert isinstance(broken.exception(60), httpx.TransportError)
            # Nobody else can be at work on what this server's rows tell of, whatever the dead one wrote.
            assert sender.head(location).headers["upload-offset"] == str(THIRD)

            with stuck(front, "PUT", "/media/", "partNumber=2") as come:
                broken = pool.submit(sender.patch, location, THIRD, len(RECORDING))
                assert come.wait(60)
                sender.die()
                assert isinstance(broken.exception(60), httpx.TransportError)
            left = sender.head(location)
            assert left.headers["upload-offset"] == str(len(RECORDING))
            session_id = left.headers["tiro-session"]
            kept = sender.server.client.get(f"/api/v1/transcribe/{session_id}/media").content
            assert hashlib.sha256(kept).digest() == hashlib.sha256(RECORDING).digest()
            assert sender.server.client.until_ended(session_id)["status"] == "completed"
            assert sender.server.client.get("/api/v1/transcribe").json()["total"] == 1
        finally:
            sender.server.kill()
    assert s3().keys(bucket) == [f"recordings/media/{session_id}"]
    assert len(s3().multiparts(bucket)) == 1
    settings = make_settings(data, storage=said)
    with thread_server(settings) as server:
        server.runtime.orphans.sweep()
        assert s3().multiparts(bucket), "what is younger than the grace time may be somebody's"
        server.runtime.orphans.collect(timedelta(seconds=-1))
    assert not s3().multiparts(bucket)
    assert not {one.promise: one.faults for one in inspect_data(settings, deep=True) if one.faults}
