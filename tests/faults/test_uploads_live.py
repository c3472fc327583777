"""A recording that is being made survives the server that takes it in."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import av
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.makecall import RATE, samples
from tests.makemedia import browser_webm
from tests.serving import Client, server_process, thread_server, wait_until

from tiro.features.uploads import repository
from tiro.kit.ids import uuid7

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
LIVE = f"live {base64.b64encode(b'true').decode()},engine {base64.b64encode(b'echo').decode()}"
RECORDED = browser_webm(samples(6), RATE)


def begin(client: Client) -> str:
    answer = client.post(UPLOADS, headers={**TUS, "Upload-Defer-Length": "1", "Upload-Metadata": LIVE})
    return str(answer.headers["location"])


def send(client: Client, url: str, start: int, stop: int) -> None:
    headers = {**OCTETS, "Upload-Offset": str(start)}
    assert client.patch(url, content=RECORDED[start:stop], headers=headers).status_code == 204


def finished(client: Client) -> str:
    """The recording that the server makes by itself. The upload is left alone: whoever looks at one has it
    for as long."""

    def look() -> str | None:
        found = client.get("/api/v1/transcribe").json()["items"]
        return str(found[0]["session_id"]) if found else None

    return str(wait_until(look, what="the recording", pause=0.1))


def heard(client: Client, session_id: str) -> float:
    """Seconds that its file says it has."""
    data = client.get(f"/api/v1/transcribe/{session_id}/media").content
    with av.open(io.BytesIO(data)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


def test_a_server_killed_in_the_middle_loses_nothing_that_it_had(tmp_path: Path) -> None:
    data = tmp_path / "data"
    step = len(RECORDED) // 6
    with server_process(data) as server:
        url = begin(server.client)
        for second in range(4):
            send(server.client, url, second * step, (second + 1) * step)
        server.kill()
    # Its sender never comes back.
    with thread_server(make_settings(data, http={"live_silence": 0.5}), recover=True) as again:
        session_id = finished(again.client)
        assert again.client.until_ended(session_id)["status"] == "completed"
        assert 3.5 <= heard(again.client, session_id) <= 4.2
    assert_sound(data)


def test_a_server_killed_between_the_copy_and_its_row_makes_it_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with thread_server(make_settings(data)) as server:
        url = begin(server.client)
        send(server.client, url, 0, len(RECORDED))
        upload_id, chosen = url.rpartition("/")[2], str(uuid7())
        with server.runtime.database.write() as session:
            assert repository.cut_off(session, upload_id, len(RECORDED))
            assert repository.choose_recording(session, upload_id, chosen)
        with server.runtime.storage.create(chosen) as copy:
            copy.write(b"a copy that nothing tells of")
            copy.commit()
    with thread_server(make_settings(data), recover=True) as again:
        session_id = finished(again.client)
        assert again.client.head(url, headers=TUS).headers["tiro-session"] == session_id
        assert heard(again.client, session_id) > 5.5
        assert again.client.until_ended(session_id)["status"] == "completed"
        assert len(rows(data, "SELECT id FROM recordings")) == 1
        assert set(again.runtime.storage.inventory()) == {session_id}
    assert_sound(data)
