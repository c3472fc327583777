"""A bucket that is damaged, gone or away: an error with a name each time, and nothing half-done stays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import cluster
from tests.conftest import make_settings
from tests.makecall import wav
from tests.services.s3 import S3, s3
from tests.services.s3_refusing import Refusing, refusing
from tests.serving import thread_server, wait_until

from tiro.bootstrap.ports import build_storage
from tiro.errors import NotFound, StorageFull, StorageUnavailable
from tiro.settings import Settings
from tiro.storage.base import RecordingStorage

SPEECH = wav(seconds=3)
LARGE = random.Random(3).randbytes(9 * 10**6)


@contextmanager
def storage_of(said: dict[str, Any]) -> Iterator[RecordingStorage]:
    storage, _ = build_storage(make_settings(Path("unused"), storage=said))
    try:
        yield storage
    finally:
        storage.close()


def keep(storage: RecordingStorage, key: str, data: bytes) -> None:
    with storage.create(key, len(data)) as upload:
        upload.write(data)
        upload.commit()


@pytest.fixture
def own() -> Iterator[S3]:
    """A server that may be stopped."""
    service = S3()
    yield service
    service.resume()
    service.stop()


def test_a_bucket_that_is_not_there_is_no_missing_file() -> None:
    with storage_of(s3().settings("no-such-bucket")) as storage:
        for ask in (storage.open, storage.fetch):
            with pytest.raises(StorageUnavailable, match=r"bucket .* is not there"):
                ask("a")
        with pytest.raises(StorageUnavailable, match=r"bucket .* is not there"):
            storage.check()
        with pytest.raises(StorageUnavailable):
            keep(storage, "a", LARGE)


def test_a_file_that_is_shorter_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3().bucket()
    with storage_of(s3().settings(bucket)) as storage:
        keep(storage, "a", LARGE)
        with storage.open("a") as file:
            s3().client.put_object(Bucket=bucket, Key="recordings/media/a", Body=LARGE[:1000])
            file.seek(5_000_000)
            with pytest.raises(StorageUnavailable):
                file.read(10)
            s3().client.delete_object(Bucket=bucket, Key="recordings/media/a")
            file.seek(6_000_000)
            with pytest.raises(NotFound):
                file.read(10)


@pytest.mark.slow
def test_a_store_that_keeps_less_than_it_got_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3().bucket()
    with storage_of(s3().settings(bucket)) as storage:
        monkeypatch.setattr(storage._bucket, "size", lambda _path: 5)  # type: ignore[attr-defined]
        with pytest.raises(StorageUnavailable, match="kept 5 of"):
            keep(storage, "a", LARGE)
        wait_until(lambda: not s3().keys(bucket), what="the end of what is not whole")


@pytest.mark.slow
def test_a_server_that_goes_away_on_the_way(own: S3) -> None:
    with storage_of(own.settings() | {"timeout_seconds": 4}) as storage:
        keep(storage, "a", LARGE)
        with storage.open("a") as file, storage.create("b", 3 * len(LARGE)) as upload:
            upload.write(LARGE)
            own.stop()
            file.seek(5_000_000)
            with pytest.raises(StorageUnavailable):
                file.read(10)
            with pytest.raises(StorageUnavailable):
                upload.write(3 * LARGE)
        own.start()
        own.client.create_bucket(Bucket="tiro-1")
        storage.check()


@pytest.mark.slow
def test_a_server_that_hangs_is_not_waited_for(own: S3) -> None:
    with storage_of(own.settings() | {"timeout_seconds": 4}) as storage:
        keep(storage, "a", SPEECH)
        own.pause()
        with pytest.raises(StorageUnavailable):
            storage.open("a")
        own.resume()
        with storage.open("a") as file:
            assert file.read(10) == SPEECH[:10]


def settings_of(folder: Path, said: dict[str, Any]) -> Settings:
    return make_settings(folder, storage=said | {"timeout_seconds": 4})


@pytest.mark.slow
def test_a_server_without_its_store_says_so_and_comes_back(own: S3, tmp_path: Path) -> None:
    with thread_server(settings_of(tmp_path, own.settings())) as server:
        watch = server.runtime.storage_watch
        watch._seconds = watch._bad_seconds = watch._until = 0.0
        assert server.client.get("/ready").status_code == 200
        own.stop()
        answer = server.client.send_file("call.wav", SPEECH)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert server.client.get("/live").status_code == 200
        ready = server.client.get("/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "storage_unavailable")
        assert server.client.get("/api/v1/transcribe").json()["total"] == 0
        health = server.client.get("/api/v1/health").json()
        assert (health["status"], health["components"]["storage"]["status"]) == ("down", "down")
        own.start()
        own.client.create_bucket(Bucket="tiro-1")
        assert server.client.get("/ready").status_code == 200
        done = server.client.send_file("call.wav", SPEECH, wait=30)
        assert done.json()["status"] == "completed", done.text


def test_a_bucket_that_is_closed_is_said_with_what_is_missing(tmp_path: Path) -> None:
    said = s3().settings("no-such-bucket")
    with thread_server(settings_of(tmp_path, said)) as server:
        ready = server.client.get("/ready")
        assert ready.status_code == 503
        assert "Create it, or correct TIRO_STORAGE_URL" in ready.json()["detail"]


@pytest.mark.slow
def test_a_worker_says_at_once_that_it_has_no_bucket(tmp_path: Path) -> None:
    with (
        cluster(tmp_path, storage=s3().settings("no-such-bucket")) as house,
        house.process("worker", ready="storage.unusable"),
    ):
        assert "Create it, or correct TIRO_STORAGE_URL" in house.logs[-1].read_text()


@pytest.fixture
def front() -> Iterator[Refusing]:
    """A store before the store, that can say no."""
    with refusing(s3().endpoint) as said:
        yield said


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("write", "PUT", "/probe/"),
        ("read", "GET", "/probe/"),
        ("list", "GET", "list-type"),
        ("delete", "POST", ""),
    ],
)
def test_a_right_that_is_missing_is_named(front: Refusing, verb: str, method: str, path: str) -> None:
    front.refuses = lambda asked, where: asked == method and path in where
    with storage_of(s3().settings() | {"endpoint": front.endpoint}) as storage:
        with pytest.raises(StorageUnavailable, match=rf"may not {verb} in s3://.* Its key needs the right"):
            storage.check()
        front.refuses = lambda _method, _path: False
        storage.check()


def test_a_bucket_whose_rights_are_taken_away(front: Refusing, tmp_path: Path) -> None:
    bucket = s3().bucket()
    settings = settings_of(tmp_path, s3().settings(bucket) | {"endpoint": front.endpoint})
    front.refuses = lambda _method, _path: True
    with thread_server(settings) as server:
        watch = server.runtime.storage_watch
        watch._seconds = watch._bad_seconds = watch._until = 0.0
        ready = server.client.get("/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "storage_unavailable")
        assert "Its key needs the right to read, write, list and delete" in ready.json()["detail"]
        front.refuses = lambda _method, _path: False
        session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        front.refuses = lambda _method, _path: True
        answer = server.client.get(f"/api/v1/transcribe/{session_id}/media")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
        answer = server.client.send_file("call.wav", SPEECH)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
        assert server.client.get("/api/v1/transcribe").json()["total"] == 1
    front.refuses = lambda _method, _path: False
    assert s3().keys(bucket) == [f"recordings/media/{session_id}"]


@pytest.mark.parametrize(
    ("status", "code"), [(507, "XMinioStorageFull"), (403, "QuotaExceeded"), (507, "InsufficientStorage")]
)
@pytest.mark.parametrize("size", [5, pytest.param(len(LARGE), marks=pytest.mark.slow)])
def test_a_store_that_is_full_says_so(front: Refusing, status: int, code: str, size: int) -> None:
    bucket = s3().bucket()
    front.status, front.code = status, code
    front.refuses = lambda method, _path: method == "PUT"
    with storage_of(s3().settings(bucket) | {"endpoint": front.endpoint, "timeout_seconds": 4}) as storage:
        with pytest.raises(StorageFull):
            keep(storage, "a", LARGE[:size])
        wait_until(lambda: not s3().multiparts(bucket), what="the end of the multipart upload")
        assert not s3().keys(bucket)
