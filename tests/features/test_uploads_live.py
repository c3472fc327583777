"""Recordings that come while they are being made: lengths told late, and senders that are cut off."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import av
import httpx
import pytest
from tests.checkup import assert_sound
from tests.conftest import make_settings
from tests.makecall import RATE, samples, wav
from tests.makemedia import browser_mp4, browser_webm, firefox_webm
from tests.serving import Client, ThreadServer, thread_server, wait_until

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
SPEECH = wav(seconds=3)
HALF = len(SPEECH) // 2


@pytest.fixture
def client(server: ThreadServer) -> Client:
    return server.client


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[ThreadServer]:
    """A server that takes four seconds of silence for the end."""
    with thread_server(make_settings(tmp_path / "quick", http={"live_silence": 4.0})) as running:
        yield running


def fall_silent(server: ThreadServer) -> None:
    """From now on it takes much less."""
    server.runtime.uploads._silence = timedelta(seconds=0.5)


def metadata(**fields: str) -> str:
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in fields.items())


def begin(client: Client, **fields: str) -> str:
    headers = {
        **TUS,
        "Upload-Defer-Length": "1",
        "Upload-Metadata": metadata(**({"engine": "echo"} | fields)),
    }
    answer = client.post(UPLOADS, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(client: Client, url: str, offset: int, data: bytes, **more: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return client.patch(url, content=data, headers={**OCTETS, "Upload-Offset": str(offset), **named})


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def recording_of(client: Client, title: str) -> str:
    """The recording that the server makes by itself. The upload is left alone: whoever looks at one has it
    for as long."""

    def look() -> str | None:
        found = client.get("/api/v1/transcribe", params={"title": title}).json()["items"]
        return str(found[0]["session_id"]) if found else None

    return str(wait_until(look, what="the recording", pause=0.1))


def test_a_length_that_is_told_with_the_last_part(client: Client) -> None:
    url = begin(client, title="Told late")
    assert patch(client, url, 0, SPEECH[:HALF]).headers["upload-offset"] == str(HALF)
    between = client.head(url, headers=TUS).headers
    assert between["upload-defer-length"] == "1"
    assert "upload-length" not in between
    last = patch(client, url, HALF, SPEECH[HALF:], Upload_Length=str(len(SPEECH)))
    result = client.until_ended(last.headers["tiro-session"])
    assert (result["status"], result["title"]) == ("completed", "Told late")
    assert client.get(f"/api/v1/transcribe/{result['session_id']}/media").content == SPEECH
    whole = client.head(url, headers=TUS).headers
    assert whole["upload-length"] == str(len(SPEECH))
    assert "upload-defer-length" not in whole


def test_a_length_that_is_told_with_an_empty_part_at_the_end(client: Client) -> None:
    url = begin(client)
    patch(client, url, 0, SPEECH)
    last = patch(client, url, len(SPEECH), b"", Upload_Length=str(len(SPEECH)))
    assert (last.status_code, "tiro-session" in last.headers) == (204, True)


def test_a_length_that_cannot_be(client: Client) -> None:
    url = begin(client)
    patch(client, url, 0, SPEECH[:HALF])
    for wrong in (HALF - 1, 0):
        assert problem(patch(client, url, HALF, b"", Upload_Length=str(wrong))) == (422, "invalid_request")
    assert problem(patch(client, url, HALF, b"", Upload_Length=str(6 * 10**9))) == (413, "upload_too_large")
    assert patch(client, url, HALF, b"", Upload_Length=str(HALF + 10)).status_code == 204
    assert problem(patch(client, url, HALF, b"", Upload_Length=str(HALF + 11))) == (422, "invalid_request")
    assert problem(patch(client, url, HALF, SPEECH[:11])) == (413, "upload_too_large")
    for headers in (
        {"Upload-Defer-Length": "2"},
        {"Upload-Defer-Length": "1", "Upload-Length": "5"},
        {},
    ):
        assert problem(client.post(UPLOADS, headers=TUS | headers)) == (422, "invalid_request")


def test_the_most_that_may_come_holds_for_what_has_no_length(tmp_path: Path) -> None:
    with thread_server(make_settings(tmp_path, http={"max_upload": 50_000})) as server:
        url = begin(server.client)
        assert patch(server.client, url, 0, SPEECH[:40_000]).status_code == 204
        assert problem(patch(server.client, url, 40_000, SPEECH[:20_000])) == (413, "upload_too_large")
        headers = {**OCTETS, "Upload-Offset": "40000"}
        unannounced = server.client.patch(url, content=iter([SPEECH[:20_000]]), headers=headers)
        assert problem(unannounced) == (413, "upload_too_large")
        assert server.client.head(url, headers=TUS).headers["upload-offset"] == "40000"


def test_the_quota_holds_for_what_has_no_length(tmp_path: Path) -> None:
    with thread_server(make_settings(tmp_path, quota={"storage": 3_000_000})) as server:
        client = server.client
        first, second = begin(client), begin(client)
        assert patch(client, first, 0, b"x" * 1_500_000).status_code == 204
        # The first may have a step more by now, and the second gets exactly what is left.
        assert problem(patch(client, second, 0, b"x" * 1_000_000)) == (413, "storage_quota_exceeded")
        assert patch(client, second, 0, b"x" * 400_000).status_code == 204
        assert problem(patch(client, second, 400_000, b"x" * 200_000)) == (413, "storage_quota_exceeded")
        used = client.get("/api/v1/me/usage").json()["storage"]["used"]
        assert 1_900_000 <= used <= 3_000_000
        assert client.delete(first, headers=TUS).status_code == 204
        assert patch(client, second, 400_000, b"x" * 200_000).status_code == 204


def test_other_metadata_hold_until_it_is_whole(client: Client) -> None:
    url = begin(client, title="Before")
    later = metadata(engine="echo", title="After", marks="0.5 The offer\n1.25 The price")
    assert patch(client, url, 0, SPEECH[:HALF], Upload_Metadata=later).status_code == 204
    unlike = metadata(engine="echo", marks="soon The offer")
    assert problem(patch(client, url, HALF, b"", Upload_Metadata=unlike)) == (422, "invalid_request")
    last = patch(client, url, HALF, SPEECH[HALF:], Upload_Length=str(len(SPEECH)))
    session_id = last.headers["tiro-session"]
    assert client.session(session_id)["title"] == "After"
    comments = client.get(f"/api/v1/transcribe/{session_id}/comments").json()["items"]
    found = sorted((each["at"], each["text"]) for each in comments)
    assert found == [(0.5, "The offer"), (1.25, "The price")]


def test_marks_come_with_a_form_too(client: Client) -> None:
    sent = client.send_file("call.wav", SPEECH, marks="2 Listen").json()
    comments = client.get(f"/api/v1/transcribe/{sent['session_id']}/comments").json()["items"]
    assert [(each["at"], each["text"]) for each in comments] == [(2.0, "Listen")]
    assert problem(client.send_file("call.wav", SPEECH, marks="-1 No")) == (422, "invalid_request")


def test_a_recording_that_falls_silent_is_finished(quick: ThreadServer) -> None:
    client = quick.client
    url = begin(client, live="true", title="Cut off", marks="1 Here")
    for start in range(0, HALF, 20_000):
        assert patch(client, url, start, SPEECH[start : min(start + 20_000, HALF)]).status_code == 204
    fall_silent(quick)
    session_id = recording_of(client, "Cut off")
    result = client.until_ended(session_id)
    assert (result["status"], result["title"]) == ("completed", "Cut off")
    assert client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH[:HALF]
    assert len(client.get(f"/api/v1/transcribe/{session_id}/comments").json()["items"]) == 1
    (deed,) = client.get("/api/v1/audit", params={"action": "upload.cut_off"}).json()["items"]
    assert deed["details"]["length"] == HALF
    # Who comes back learns that it is over, and where it ended.
    assert client.head(url, headers=TUS).headers["upload-length"] == str(HALF)
    assert problem(patch(client, url, HALF, SPEECH[HALF:])) == (413, "upload_too_large")
    assert_sound(quick.runtime.settings.data)


def test_a_sign_of_life_keeps_it_open_and_nothing_at_all_leaves_nothing(quick: ThreadServer) -> None:
    client = quick.client
    paused = begin(client, live="true", title="Paused")
    ordinary, empty = begin(client), begin(client, live="true")
    patch(client, paused, 0, SPEECH[:HALF])
    patch(client, ordinary, 0, SPEECH[:HALF])

    def given_up() -> bool:
        assert patch(client, paused, HALF, b"").status_code == 204
        return client.head(empty, headers=TUS).status_code == 404

    wait_until(given_up, what="the end of what is empty")
    assert "tiro-session" not in client.head(paused, headers=TUS).headers
    assert client.head(ordinary, headers=TUS).headers["upload-defer-length"] == "1"
    fall_silent(quick)
    assert recording_of(client, "Paused")


@pytest.mark.parametrize("written", [browser_webm, firefox_webm], ids=["Chromium", "Firefox"])
def test_what_a_browser_recorded_can_be_sought_in_wherever_it_was_cut_off(
    quick: ThreadServer, written: Callable[..., bytes]
) -> None:
    client = quick.client
    recorded = written(samples(8), RATE)
    cut = len(recorded) - 200  # within a block
    url = begin(client, live="true", filename="recording.webm", title="Of a browser")
    patch(client, url, 0, recorded[:cut])
    fall_silent(quick)
    session_id = recording_of(client, "Of a browser")
    assert client.until_ended(session_id)["status"] == "completed"
    kept = client.get(f"/api/v1/transcribe/{session_id}/media").content
    with av.open(io.BytesIO(kept)) as container:
        assert container.duration is not None
        assert 7.5 < container.duration / av.time_base <= 8.1
        container.seek(6 * av.time_base)
        assert 5 <= float(next(container.decode(audio=0)).time or 0) <= 6.1
    assert client.get(f"/api/v1/transcribe/{session_id}/peaks").json()["duration"] > 7.5
    assert_sound(quick.runtime.settings.data)


def places(mp4: bytes, kind: bytes) -> list[int]:
    """Where its outermost boxes of this kind begin."""
    found, place = [], 0
    while place < len(mp4):
        size, name = struct.unpack_from(">I4s", mp4, place)
        found += [place] if name == kind else []
        place += size
    return found


@pytest.mark.parametrize("where", ["in the sound", "in a head", "between fragments", "nowhere"])
def test_what_safari_recorded_is_a_recording_wherever_it_was_cut_off(quick: ThreadServer, where: str) -> None:
    client = quick.client
    recorded = browser_mp4(samples(8), RATE)
    fragment, sound = places(recorded, b"moof")[6], places(recorded, b"mdat")[6]
    cut = {"in the sound": sound + 1000, "in a head": fragment + 60, "between fragments": fragment}
    sent = recorded[: cut.get(where, len(recorded))]
    url = begin(client, live="true", filename="recording.mp4", title="Of Safari")
    patch(client, url, 0, sent)
    fall_silent(quick)
    session_id = recording_of(client, "Of Safari")
    result = client.until_ended(session_id)
    assert result["status"] == "completed", result
    least = 7.5 if where == "nowhere" else 5.5
    assert least < result["metadata"]["duration"] <= 8.1
    kept = client.get(f"/api/v1/transcribe/{session_id}/media").content
    assert kept == sent
    with av.open(io.BytesIO(kept)) as container:
        container.seek(4 * av.time_base)
        assert 3 <= float(next(container.decode(audio=0)).time or 0) <= 4.1
    assert client.get(f"/api/v1/transcribe/{session_id}/peaks").json()["duration"] > least


def test_a_recording_never_expires(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, http={"live_silence": 1.0, "upload_expires": 1.0})
    with thread_server(settings) as server:
        url = begin(server.client, live="true", title="Days ago")
        patch(server.client, url, 0, SPEECH[:HALF])
        part = settings.data / "uploads" / url.rpartition("/")[2]
        days_ago = time.time() - 3 * 86_400
        os.utime(part, (days_ago, days_ago))
        # As the sweeper of a server does that stood still for days, before it looks for silent ones.
        asyncio.run(server.runtime.uploads.sweep())
        session_id = recording_of(server.client, "Days ago")
        assert server.client.get(f"/api/v1/transcribe/{session_id}/media").content == SPEECH[:HALF]
