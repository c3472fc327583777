"""tus at `/api/v1/uploads`: what the protocol asks for, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update
from tests.checkup import rows
from tests.conftest import make_settings
from tests.databases import POSTGRESQL
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server, wait_until

from tiro.bootstrap.data import inspect_data
from tiro.db.tables import UploadTable
from tiro.kit import clock

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
SPEECH = wav(seconds=3)
HALF = len(SPEECH) // 2


@pytest.fixture
def client(server: ThreadServer) -> Client:
    return server.client


def metadata(**fields: str) -> str:
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in fields.items())


def begin(client: Client, length: int = len(SPEECH), **fields: str) -> str:
    sent = metadata(**({"engine": "echo"} | fields))
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": sent}
    answer = client.post(UPLOADS, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(
    client: Client, url: str, offset: int, data: bytes | Iterator[bytes], **more: str
) -> httpx.Response:
    headers = {**OCTETS, "Upload-Offset": str(offset)} | {k.replace("_", "-"): v for k, v in more.items()}
    return client.patch(url, content=data, headers=headers)


def head(client: Client, url: str) -> httpx.Response:
    return client.head(url, headers=TUS)


def offset(client: Client, url: str) -> int:
    return int(head(client, url).headers["upload-offset"])


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["code"]


def part_of(server: ThreadServer, url: str) -> Path:
    return server.runtime.settings.data / "uploads" / url.rpartition("/")[2]


def checksum(name: str, data: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def test_what_is_spoken_here(client: Client) -> None:
    for url in (UPLOADS, begin(client)):
        answer = client.options(url)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-max-size"] == str(5 * 10**9)
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5"
        extensions = set(answer.headers["tus-extension"].split(","))
        assert extensions == {
            "creation",
            "creation-defer-length",
            "creation-with-upload",
            "checksum",
            "termination",
            "expiration",
        }


def test_two_parts_become_a_recording(client: Client, server: ThreadServer) -> None:
    url = begin(client, filename="../Übung.wav", title="An exercise", channels="mix", priority="low")
    first = patch(client, url, 0, SPEECH[:HALF])
    assert (first.status_code, first.headers["upload-offset"]) == (204, str(HALF))
    assert "tiro-session" not in first.headers
    between = head(client, url)
    assert between.headers["upload-length"] == str(len(SPEECH))
    assert between.headers["cache-control"] == "no-store"
    assert between.headers["upload-metadata"].startswith("engine ")
    assert between.headers["upload-expires"].endswith("GMT")
    last = patch(client, url, HALF, SPEECH[HALF:])
    session_id = last.headers["tiro-session"]
    assert last.headers["content-location"] == f"/api/v1/transcribe/{session_id}"
    result = client.until_ended(session_id)
    assert (result["status"], result["title"]) == ("completed", "An exercise")
    assert result["priority"] == "low"
    assert result["metadata"]["options"] == {"engine": "echo", "channels": "mix"}
    media = client.get(f"/api/v1/transcribe/{session_id}/media")
    assert media.content == SPEECH
    assert "%C3%9Cbung.wav" in media.headers["content-disposition"]
    # Whoever lost the last answer asks again, or sends nothing at the end once more.
    assert head(client, url).headers["tiro-session"] == session_id
    again = patch(client, url, len(SPEECH), b"")
    assert (again.status_code, again.headers["tiro-session"]) == (204, session_id)
    assert not part_of(server, url).exists()
    # The recording is what counts; the upload is only how it came.
    assert client.delete(url, headers=TUS).status_code == 204
    assert head(client, url).status_code == 404
    assert client.session(session_id)["status"] == "completed"


def test_the_first_bytes_may_come_along(client: Client) -> None:
    headers = {**OCTETS, "Upload-Length": str(len(SPEECH)), "Upload-Metadata": metadata(engine="echo")}
    answer = client.post(UPLOADS, content=SPEECH[:HALF], headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(HALF))
    assert offset(client, answer.headers["location"]) == HALF
    whole = client.post(UPLOADS, content=SPEECH, headers=headers)
    assert whole.status_code == 201
    assert client.until_ended(whole.headers["tiro-session"])["status"] == "completed"


def test_a_wrong_offset(client: Client) -> None:
    url = begin(client)
    patch(client, url, 0, SPEECH[:HALF])
    for wrong in (0, HALF - 1, HALF + 1):
        answer = patch(client, url, wrong, SPEECH[wrong:])
        assert problem(answer) == (409, "offset_mismatch")
        assert answer.headers["upload-offset"] == str(HALF)
    for nonsense in ("", "-1", "1.5", "0x10", "٣", "9" * 30):
        headers = {**OCTETS, "Upload-Offset": nonsense.encode()}
        assert problem(client.patch(url, content=b"x", headers=headers)) == (422, "invalid_request")
    assert offset(client, url) == HALF


def test_more_than_was_announced(client: Client) -> None:
    url = begin(client)
    patch(client, url, 0, SPEECH[:HALF])
    too_much = SPEECH[HALF:] + b"x"
    assert problem(patch(client, url, HALF, too_much)) == (413, "upload_too_large")
    # Without a Content-Length only the bytes themselves tell.
    assert problem(patch(client, url, HALF, iter([SPEECH[HALF:], b"x"]))) == (413, "upload_too_large")
    assert offset(client, url) == HALF
    last = patch(client, url, HALF, iter([SPEECH[HALF:]]))
    assert client.get(last.headers["content-location"] + "/media").content == SPEECH
    assert problem(patch(client, url, len(SPEECH), b"x")) == (413, "upload_too_large")


def test_none_of_a_body_that_is_too_long_is_kept(client: Client, server: ThreadServer) -> None:
    long = wav(seconds=80)  # more than the server keeps in memory, so that much of it is written
    url = begin(client, len(long))
    assert problem(patch(client, url, 0, iter([long, b"x"]))) == (413, "upload_too_large")
    assert offset(client, url) == 0
    assert client.get(patch(client, url, 0, long).headers["content-location"] + "/media").content == long


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
def test_checksums(client: Client, server: ThreadServer, name: str) -> None:
    url = begin(client)
    assert patch(client, url, 0, SPEECH[:99], Upload_Checksum=checksum(name, SPEECH[:99])).status_code == 204
    answer = patch(client, url, 99, bytes(HALF), Upload_Checksum=checksum(name, b"else"))
    assert problem(answer) == (460, "checksum_mismatch")
    assert (offset(client, url), part_of(server, url).stat().st_size) == (99, 99)
    rest = patch(client, url, 99, SPEECH[99:], Upload_Checksum=checksum(name, SPEECH[99:]))
    assert client.get(rest.headers["content-location"] + "/media").content == SPEECH
    query = "SELECT sha256 FROM recordings WHERE id = ?"
    [row] = rows(server.runtime.settings.data, query, rest.headers["tiro-session"])
    assert row["sha256"] == hashlib.sha256(SPEECH).hexdigest()


def test_checksums_that_say_nothing(client: Client) -> None:
    url = begin(client)
    for text in ("", "sha1", "crc32 AAAA", "sha1 not base64", "sha1 AAAA"):
        answer = patch(client, url, 0, SPEECH, Upload_Checksum=text)
        assert problem(answer)[0] == (460 if text in {"sha1", "sha1 AAAA"} else 422), text
    assert offset(client, url) == 0


def test_the_digest_of_the_whole_file(client: Client) -> None:
    digest = hashlib.sha256(SPEECH).hexdigest()
    session_id = patch(client, begin(client, sha256=digest), 0, SPEECH).headers["tiro-session"]
    assert client.until_ended(session_id)["status"] == "completed"
    wrong = begin(client, sha256="0" * 64)
    assert problem(patch(client, wrong, 0, SPEECH)) == (460, "checksum_mismatch")
    assert head(client, wrong).status_code == 460


def test_the_same_file_again(client: Client, server: ThreadServer) -> None:
    data = wav(seconds=3.5)
    first = patch(client, begin(client, len(data)), 0, data)
    assert "tiro-duplicate-of" not in first.headers
    url = begin(client, len(data))
    for answer in (patch(client, url, 0, data), head(client, url)):
        assert answer.headers["tiro-duplicate-of"] == first.headers["tiro-session"]
    announced = metadata(sha256=hashlib.sha256(data).hexdigest().upper())
    headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": announced}
    answer = client.post(UPLOADS, headers=headers)
    assert answer.headers["tiro-duplicate-of"] == first.headers["tiro-session"]
    server.runtime.users.create("otto")
    with Client(server.address, server.runtime.keys.create("key", "otto")[1]) as other:
        assert "tiro-duplicate-of" not in other.post(UPLOADS, headers=headers).headers


def test_another_version(client: Client) -> None:
    url = begin(client)
    for version in ({}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0"}):
        headers = {**OCTETS, "Upload-Offset": "0", "Upload-Length": "5"}
        headers.pop("Tus-Resumable")
        for verb, address in (("POST", UPLOADS), ("PATCH", url), ("DELETE", url)):
            answer = client.request(verb, address, content=SPEECH, headers=headers | version)
            assert problem(answer) == (412, "unsupported_tus_version")
            assert answer.headers["tus-version"] == "1.0.0"
        assert client.head(url, headers=version).status_code == 412
    assert offset(client, url) == 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (422, "invalid_request")),
        ({"Upload-Length": "many"}, (422, "invalid_request")),
        ({"Upload-Length": "0"}, (422, "empty_media")),
        ({"Upload-Length": str(5 * 10**9 + 1)}, (413, "upload_too_large")),
        ({"Upload-Defer-Length": "2"}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": "title !!!"}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": "title /w=="}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "A" * 33_000}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": metadata(beam="wide")}, (422, "invalid_request")),
        ({"Upload-Length": "5", "Upload-Metadata": metadata(engine="none")}, (422, "unknown_engine")),
        ({"Upload-Length": "5", "Upload-Metadata": metadata(language="xx")}, (422, "unsupported_language")),
    ],
)
def test_what_cannot_be_begun(
    client: Client, server: ThreadServer, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    folder = server.runtime.settings.data / "uploads"
    before = set(folder.iterdir())
    assert problem(client.post(UPLOADS, headers=TUS | headers)) == expected
    assert set(folder.iterdir()) == before


def test_a_file_that_is_no_recording(client: Client, server: ThreadServer) -> None:
    url = begin(client, 5)
    assert problem(patch(client, url, 0, b"hello")) == (415, "unsupported_media")
    assert not part_of(server, url).exists()
    # The answer may be lost; what is asked later must not look like success.
    assert head(client, url).status_code == 415
    assert problem(patch(client, url, 5, b"")) == (415, "unsupported_media")


def test_bytes_by_another_name(client: Client) -> None:
    url = begin(client)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}
    assert problem(client.patch(url, content=SPEECH, headers=headers)) == (415, "unsupported_media")
    assert offset(client, url) == 0


def test_given_up(client: Client, server: ThreadServer) -> None:
    url = begin(client)
    patch(client, url, 0, SPEECH[:HALF])
    assert client.delete(url, headers=TUS).status_code == 204
    assert not part_of(server, url).exists()
    assert head(client, url).status_code == 404
    assert problem(patch(client, url, HALF, SPEECH[HALF:])) == (404, "not_found")


def test_only_post_gets_through(client: Client) -> None:
    url = begin(client)

    def post(method: str, **headers: str) -> httpx.Response:
        return client.post(url, content=SPEECH, headers={"X-HTTP-Method-Override": method, **headers})

    assert post("PATCH", **OCTETS, **{"Upload-Offset": "0"}).status_code == 204
    assert post("HEAD", **TUS).headers["upload-offset"] == str(len(SPEECH))
    assert post("DELETE", **TUS).status_code == 204
    assert post("PUT", **TUS).status_code == 404
    assert client.post(begin(client), headers=TUS).status_code == 405


def test_a_connection_that_hangs_gives_way(client: Client, server: ThreadServer) -> None:
    """The server may wait for bytes on a broken line long after its sender has begun a new one."""
    long = wav(seconds=80)  # more than the server keeps in memory
    url = begin(client, len(long))
    go_on = threading.Event()
    answers: list[int] = []

    def slowly() -> Iterator[bytes]:
        yield long[: len(long) - 99]
        go_on.wait(100)

    def send() -> None:
        with Client(server.address, server.key) as line:
            answers.append(patch(line, url, 0, slowly()).status_code)

    hanging = threading.Thread(target=send)
    hanging.start()
    try:
        wait_until(lambda: part_of(server, url).stat().st_size, what="the first bytes")
        found = offset(client, url)
        assert found  # what came on the broken line is not sent again
        last = patch(client, url, found, long[found:])
        assert last.status_code == 204
    finally:
        go_on.set()
        hanging.join()
    assert client.get(last.headers["content-location"] + "/media").content == long


def grow_old(server: ThreadServer, url: str) -> None:
    long_ago = time.time() - timedelta(hours=25).total_seconds()
    os.utime(part_of(server, url), (long_ago, long_ago))


def sweep(server: ThreadServer) -> None:
    """As the server does from time to time. No request is under way, so that the loop may be another."""
    asyncio.run(server.runtime.uploads.sweep())


def test_left_alone_for_too_long(client: Client, server: ThreadServer) -> None:
    url, young = begin(client), begin(client)
    patch(client, url, 0, SPEECH[:HALF])
    grow_old(server, url)
    assert head(client, url).status_code == 410
    assert problem(patch(client, url, HALF, SPEECH[HALF:])) == (410, "upload_expired")
    sweep(server)
    assert not part_of(server, url).exists()
    assert head(client, url).status_code == 410
    assert part_of(server, young).exists()
    upload_id = url.rpartition("/")[2]
    began = clock.now() - timedelta(hours=49)
    with server.runtime.database.write() as session:
        session.execute(update(UploadTable).where(UploadTable.id == upload_id).values(created_at=began))
    sweep(server)
    assert head(client, url).status_code == 404
    assert client.delete(young, headers=TUS).status_code == 204


def test_each_part_gives_it_more_time(client: Client, server: ThreadServer) -> None:
    url = begin(client)
    part = part_of(server, url)
    almost = time.time() - timedelta(hours=23).total_seconds()
    os.utime(part, (almost, almost))
    before = parsedate_to_datetime(head(client, url).headers["upload-expires"])
    after = parsedate_to_datetime(patch(client, url, 0, SPEECH[:HALF]).headers["upload-expires"])
    assert after - before > timedelta(hours=22)


def test_what_is_known_of_ended_ones_is_forgotten(client: Client, server: ThreadServer) -> None:
    url = begin(client)
    session_id = patch(client, url, 0, SPEECH).headers["tiro-session"]
    ended = clock.now() - timedelta(hours=25)
    with server.runtime.database.write() as session:
        of_it = UploadTable.id == url.rpartition("/")[2]
        session.execute(update(UploadTable).where(of_it).values(finished_at=ended))
    sweep(server)
    assert head(client, url).status_code == 404
    assert client.until_ended(session_id)["status"] == "completed"


def test_a_recording_that_was_deleted_stays_deleted(client: Client, server: ThreadServer) -> None:
    url = begin(client)
    session_id = patch(client, url, 0, SPEECH).headers["tiro-session"]
    client.until_ended(session_id)
    client.delete(f"/api/v1/transcribe/{session_id}")
    assert head(client, url).status_code == 410
    sweep(server)
    assert client.get(f"/api/v1/transcribe/{session_id}").status_code == 404


def test_the_doctor_knows_uploads(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with thread_server(settings) as server:
        url = begin(server.client)
        patch(server.client, url, 0, SPEECH[:HALF])
    assert [found for found in inspect_data(settings) if found.faults] == []
    stray = tmp_path / "uploads" / "stray"
    stray.write_bytes(b"x")
    [found] = [found for found in inspect_data(settings) if found.faults]
    assert found.faults == ["stray: a file without an upload"]
    with thread_server(settings, recover=True) as server:
        if POSTGRESQL:  # which others may share: nothing is old enough at a start
            server.runtime.orphans.collect(timedelta())
        assert not stray.exists()
        assert offset(server.client, url) == HALF
