"""A server that dies during a request of OpenAI's API keeps nothing of it: its client is gone for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.checkup import assert_sound, job_row, rows
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ServerProcess, thread_server, wait_until

CALL = wav(seconds=120)


def ask(address: str, key: str) -> None:
    """A client that waits for its answer, and never gets one."""
    with Client(address, key) as client, pytest.raises(httpx.TransportError):
        client.post("/v1/audio/transcriptions", files={"file": ("a.wav", CALL)}, data={"model": "echo:0.2"})


@pytest.mark.slow
@pytest.mark.parametrize("keep", [False, True])
def test_a_killed_server_keeps_of_a_request_what_the_operator_wants(tmp_path: Path, keep: bool) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data, compat_keep=str(keep))
    with ThreadPoolExecutor() as pool:
        try:
            own = server.client.send_file("own.wav", CALL, engine="echo:0.2").json()["session_id"]
            waiting = pool.submit(ask, server.address, (data / "key").read_text().strip())
            wait_until(lambda: len(rows(data, "SELECT 1 FROM recordings")) == 2, what="the request's row")
        finally:
            server.kill()
        waiting.result()
    with thread_server(make_settings(data, compat={"keep": keep}), recover=True) as again:
        left = {row["id"] for row in rows(data, "SELECT id FROM recordings")}
        assert own in left
        assert len(left) == 1 + keep
        assert len(list(again.runtime.storage.inventory())) == 1 + keep
        assert rows(data, "SELECT recordings FROM users")[0]["recordings"] == 1 + keep
        for recording_id in left:
            assert job_row(data, recording_id)["state"] in {"queued", "running"}
    assert_sound(data)
