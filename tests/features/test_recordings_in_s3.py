"""Recordings in a bucket: all that a server does with them, and several servers that share it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from tests.conftest import make_settings
from tests.makecall import RATE, samples, wav
from tests.makemedia import browser_webm
from tests.services.postgres import postgres
from tests.services.s3 import s3
from tests.serving import Client, ThreadServer, thread_server, wait_until

from tiro.bootstrap.data import inspect_data
from tiro.db.tables import UploadTable
from tiro.settings import Settings
from tiro.storage.pieces import WholePieces

SPEECH = wav(seconds=3)
DIGEST = hashlib.sha256(SPEECH).hexdigest()
HALF = len(SPEECH) // 2
UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}


class House:
    """Servers on one database and one bucket, each with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database = postgres().database()
        self.bucket = s3().bucket()

    def settings(self, name: str, **storage: Any) -> Settings:
        said = s3().settings(self.bucket) | storage
        database, http = {"url": self._database}, {"live_silence": 20.0}
        return make_settings(self._folder / name, storage=said, database=database, http=http)

    @contextmanager
    def server(self, name: str, **storage: Any) -> Iterator[ThreadServer]:
        with thread_server(self.settings(name, **storage)) as running:
            yield running

    def assert_sound(self, *, deep: bool = True) -> None:
        found = inspect_data(self.settings("doctor"), deep=deep, settle_seconds=5)
        assert not {one.promise: one.faults for one in found if one.faults}
        assert not s3().multiparts(self.bucket)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, ThreadServer]]:
    house = House(tmp_path_factory.mktemp("house"))
    with house.server("a") as server:
        yield house, server


def begin(client: Client, length: int = len(SPEECH), **fields: str) -> str:
    sent = {"engine": "echo", "filename": "call.wav"} | fields
    pairs = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in sent.items())
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": pairs}
    answer = client.post(UPLOADS, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def patch(client: Client, location: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    return client.patch(location, headers={**OCTETS, "Upload-Offset": str(offset), **headers}, content=data)


def test_a_recording_lies_in_the_bucket_and_nowhere_else(shared: tuple[House, ThreadServer]) -> None:
    house, server = shared
    answer = server.client.send_file("call.wav", SPEECH, wait=30)
    assert answer.json()["status"] == "completed", answer.text
    session_id = answer.json()["session_id"]
    assert f"recordings/media/{session_id}" in s3().keys(house.bucket)
    data = server.runtime.settings.data
    assert not [path for path in data.rglob("*") if path.is_file() and path.stat().st_size == len(SPEECH)]
    house.assert_sound()


def test_it_is_played_in_ranges(shared: tuple[House, ThreadServer]) -> None:
    _, server = shared
    session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
    address = f"/api/v1/transcribe/{session_id}/media"
    assert server.client.get(address).content == SPEECH
    part = server.client.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, SPEECH[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(SPEECH)}"
    last = server.client.get(address, headers={"Range": "bytes=-10"})
    assert last.content == SPEECH[-10:]
    assert server.client.get(address, headers={"Range": f"bytes={10**9}-"}).status_code == 416
    head = server.client.head(address)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(SPEECH)))


def test_what_is_refused_leaves_nothing(shared: tuple[House, ThreadServer]) -> None:
    house, server = shared
    before = s3().keys(house.bucket)
    assert server.client.send_file("call.wav", b"no recording at all").status_code == 415
    assert server.client.send_file("call.wav", b"").status_code == 422
    wait_until(lambda: s3().keys(house.bucket) == before, what="the end of what was refused")


def test_what_is_deleted_is_gone(shared: tuple[House, ThreadServer]) -> None:
    house, server = shared
    session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
    assert server.client.delete(f"/api/v1/transcribe/{session_id}").status_code == 204
    assert not [key for key in s3().keys(house.bucket) if session_id in key]
    house.assert_sound()


@pytest.mark.slow
def test_an_openai_client_is_answered_and_its_recording_goes(shared: tuple[House, ThreadServer]) -> None:
    house, server = shared
    before = s3().keys(house.bucket)
    answer = server.client.post(
        "/v1/audio/transcriptions", files={"file": ("call.wav", SPEECH)}, data={"model": "echo"}
    )
    assert answer.status_code == 200, answer.text
    wait_until(lambda: s3().keys(house.bucket) == before, what="the recording's end")


@pytest.mark.slow
def test_retention_removes_it(house: House) -> None:
    settings = house.settings("a")
    settings.retention.media_days = 0
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        server.runtime.retention.sweep()
        assert not [key for key in s3().keys(house.bucket) if session_id in key]
        answer = server.client.get(f"/api/v1/transcribe/{session_id}/media")
        assert (answer.status_code, answer.json()["code"]) == (410, "media_removed")
    house.assert_sound()


@pytest.mark.slow
def test_the_doctor_finds_what_is_missing_and_what_is_too_much(house: House) -> None:
    with house.server("a") as server:
        gone, short, other = (
            server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"] for _ in range(3)
        )
    put = lambda key, data: s3().client.put_object(Bucket=house.bucket, Key=key, Body=data)  # noqa: E731
    s3().client.delete_object(Bucket=house.bucket, Key=f"recordings/media/{gone}")
    put(f"recordings/media/{short}", SPEECH[:-1])
    put(f"recordings/media/{other}", bytes(len(SPEECH)))
    put("recordings/media/nobodys", b"hello")
    put("recordings/uploads/nobodys/begun", b"5")
    for deep in (False, True):
        found = inspect_data(house.settings("doctor"), deep=deep, settle_seconds=0)
        faults = {one.promise: " ".join(one.faults) for one in found if one.faults}
        broken = faults["every recording has its file, unchanged"]
        assert f"{gone}: the file is missing" in broken
        assert f"{short}: the file is not what was sent ({len(SPEECH) - 1} of {len(SPEECH)} bytes)" in broken
        # Only who reads it can see that.
        assert (other in broken) == deep
        assert "nobodys" in faults["every file has its recording"]
        assert "nobodys" in faults["every part of a file has its upload"]


@pytest.mark.slow
def test_an_upload_goes_on_at_another_server(house: House) -> None:
    with house.server("a") as one, house.server("b") as two:
        location = begin(one.client, sha256=DIGEST)
        assert patch(one.client, location, 0, SPEECH[:1000]).status_code == 204
        head = two.client.head(location, headers=TUS)
        assert head.headers["upload-offset"] == "1000"
        checksum = base64.b64encode(hashlib.sha256(SPEECH[1000:HALF]).digest()).decode()
        proven = patch(
            two.client, location, 1000, SPEECH[1000:HALF], **{"Upload-Checksum": f"sha256 {checksum}"}
        )
        assert proven.headers["upload-offset"] == str(HALF), proven.text
        wrong = patch(one.client, location, HALF, SPEECH[HALF:], **{"Upload-Checksum": f"sha256 {checksum}"})
        assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
        assert patch(one.client, location, 0, SPEECH).json()["code"] == "offset_mismatch"
        done = patch(one.client, location, HALF, SPEECH[HALF:])
        assert done.status_code == 204, done.text
        session_id = done.headers["tiro-session"]
        assert two.client.head(location, headers=TUS).headers["tiro-session"] == session_id
        assert two.client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH
        two.client.until_ended(session_id)
        assert not [key for key in s3().keys(house.bucket) if "/uploads/" in key]
    house.assert_sound()


@pytest.mark.slow
def test_the_newest_request_goes_first_wherever_it_comes(house: House) -> None:
    with house.server("a") as one, house.server("b") as two:
        location = begin(one.client)
        path = f"{one.address}{location}"

        def slowly() -> Iterator[bytes]:
            yield SPEECH[:1000]
            # Until the other server has asked this one to give way.
            head = two.client.head(location, headers=TUS)
            offsets.append(head.headers["upload-offset"])
            yield SPEECH[1000:2000]

        offsets: list[str] = []
        headers = {**OCTETS, "Upload-Offset": "0", "Authorization": f"Bearer {one.key}"}
        with httpx.Client(trust_env=False, timeout=60) as client:
            try:
                answer = client.patch(path, headers=headers, content=slowly())
                assert answer.status_code >= 400
            except httpx.TransportError:
                pass
        assert offsets == ["1000"]
        done = patch(two.client, location, 1000, SPEECH[1000:])
        assert done.status_code == 204, done.text
    house.assert_sound()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_of_two_that_finish_one_makes_the_recording(
    house: House, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stalled before or after it put the pieces together, and lost the upload to another."""
    with house.server("a") as one, house.server("b") as two:
        location = begin(one.client)
        patch(one.client, location, 0, SPEECH[:-1])
        commit = WholePieces.commit
        made: list[str] = []

        def other_finishes() -> None:
            with one.runtime.database.write() as session:
                session.execute(update(UploadTable).values(holder=None))
            made.append(two.client.head(location, headers=TUS).headers["tiro-session"])

        def stalled(arrival: WholePieces) -> None:
            monkeypatch.setattr(WholePieces, "commit", commit)
            if moment == "before":
                other_finishes()
            commit(arrival)
            if moment == "after":
                other_finishes()

        monkeypatch.setattr(WholePieces, "commit", stalled)
        answer = patch(one.client, location, len(SPEECH) - 1, SPEECH[-1:])
        assert (answer.status_code, answer.json()["code"]) == (423, "upload_busy")
        [session_id] = made
        assert one.client.head(location, headers=TUS).headers["tiro-session"] == session_id
        assert two.client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH
        assert two.client.get("/api/v1/transcribe").json()["total"] == 1
        two.client.until_ended(session_id)
    house.assert_sound()


@pytest.mark.slow
def test_orphans_are_put_aside_after_a_while_and_living_files_are_not(house: House) -> None:
    with house.server("a") as server:
        kept = server.client.send_file("call.wav", SPEECH, wait=30).json()["session_id"]
        s3().client.put_object(Bucket=house.bucket, Key="recordings/media/nobodys", Body=b"hello")
        s3().client.put_object(Bucket=house.bucket, Key="recordings/uploads/nobodys/begun", Body=b"5")
        location = begin(server.client)
        patch(server.client, location, 0, SPEECH[:10])
        before = sorted(s3().keys(house.bucket))
        server.runtime.orphans.sweep()
        assert sorted(s3().keys(house.bucket)) == before
        server.runtime.orphans.collect(timedelta(seconds=-1))
        after = s3().keys(house.bucket)
        assert "recordings/orphaned/nobodys" in after
        assert f"recordings/media/{kept}" in after
        assert {key for key in after if "/uploads/" in key} == {
            key for key in before if "/uploads/" in key
        } - {"recordings/uploads/nobodys/begun"}
        assert patch(server.client, location, 10, SPEECH[10:]).status_code == 204
    house.assert_sound()


def test_players_are_sent_to_the_store_where_that_is_wished(house: House) -> None:
    with house.server("a", signed_seconds=60) as server:
        session_id = server.client.send_file('x"\r\n<é>.wav', SPEECH, wait=30).json()["session_id"]
        address = f"/api/v1/transcribe/{session_id}/media"
        answer = server.client.get(address)
        assert answer.status_code == 307
        assert answer.headers["cache-control"] == "no-store"
        signed = answer.headers["location"]
        assert s3().endpoint in signed
        assert "not-a-secret" not in signed
        with httpx.Client(trust_env=False) as stranger:
            direct = stranger.get(signed, headers={"Range": "bytes=0-9"})
            assert (direct.status_code, direct.content) == (206, SPEECH[:10])
            whole = stranger.get(signed)
        assert whole.content == SPEECH
        assert whole.headers["content-type"] == "audio/wav"
        assert re.fullmatch(r"attachment; filename\*=UTF-8''[\w.%-]+", whole.headers["content-disposition"])
        assert server.client.head(address).status_code == 200


def test_without_a_secret_servers_that_share_rows_do_not_start(house: House) -> None:
    from tiro.bootstrap.server import build_runtime
    from tiro.errors import SecretMissing

    settings = house.settings("a")
    settings.auth.secret = None
    with pytest.raises(SecretMissing, match="openssl rand -hex 32"):
        build_runtime(settings)


def test_a_recording_that_is_cut_off_is_finished_by_one_of_two_servers(house: House) -> None:
    recorded = browser_webm(samples(4), RATE)
    step = len(recorded) // 4
    fields = f"live {base64.b64encode(b'1').decode()},engine {base64.b64encode(b'echo').decode()}"
    with house.server("a") as one, house.server("b") as other:
        headers = {**TUS, "Upload-Defer-Length": "1", "Upload-Metadata": fields}
        url = one.client.post(UPLOADS, headers=headers).headers["location"]
        clients = (one.client, Client(other.address, one.key))
        for second in range(3):  # whichever server the next second comes to
            headers = {**OCTETS, "Upload-Offset": str(second * step)}
            part = recorded[second * step : (second + 1) * step]
            assert clients[second % 2].patch(url, content=part, headers=headers).status_code == 204
        for server in (one, other):
            server.runtime.uploads._silence = timedelta(seconds=1)
        session_id = wait_until(
            lambda: one.client.head(url, headers=TUS).headers.get("tiro-session"), what="the end", pause=0.2
        )
        assert one.client.until_ended(str(session_id))["status"] == "completed"
        assert len(one.client.get("/api/v1/transcribe").json()["items"]) == 1
        kept = one.client.get(f"/api/v1/transcribe/{session_id}/media").content
        assert kept != recorded[: 3 * step]
        clients[1].close()
    house.assert_sound()
