"""OpenAI's audio API while things go wrong: the errors keep its shape, in streams too."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests import openaisdk as openai
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, thread_server, wait_until

LONG = {"file": ("long.wav", wav(seconds=120))}


def post(address: str, key: str, **fields: str) -> httpx.Response:
    with Client(address, key) as client:
        return client.post("/v1/audio/transcriptions", files=LONG, data={"model": "echo:1", **fields})


def test_a_full_disk(tmp_path: Path) -> None:
    with thread_server(make_settings(tmp_path, storage={"reserve": 10**16})) as server:
        answer = post(server.address, server.key)
        assert answer.status_code == 507
        error = answer.json()["error"]
        assert (error["type"], error["code"], error["param"]) == ("server_error", "storage_full", None)
        assert "disk is full" in error["message"]


def test_a_server_that_stops(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        with thread_server(make_settings(tmp_path)) as server:
            plain = pool.submit(post, server.address, server.key)
            stream = pool.submit(post, server.address, server.key, stream="true")
            wait_until(lambda: len(rows(tmp_path, "SELECT 1 FROM recordings")) == 2, what="both requests")
        answer, streamed = plain.result(), stream.result()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["error"]["code"] == "server_stopping"
    assert streamed.status_code == 200
    *_, last = streamed.text.strip().split("\n\n")
    assert last.startswith('data: {"error": ')
    assert '"code": "server_stopping"' in last
    assert_sound(tmp_path)


def test_an_error_in_a_stream_is_the_sdks_error(tmp_path: Path) -> None:
    with (
        thread_server(make_settings(tmp_path)) as server,
        httpx.Client(trust_env=False) as plain,
        openai.OpenAI(
            base_url=f"{server.address}/v1", api_key=server.key, max_retries=0, http_client=plain
        ) as sdk,
    ):
        stream = sdk.audio.transcriptions.create(
            file=("long.wav", wav(seconds=120)), model="echo:0.05", stream=True
        )
        assert next(iter(stream)).type == "transcript.text.delta"
        (row,) = rows(tmp_path, "SELECT id FROM recordings")
        cancel = threading.Thread(target=server.client.post, args=(f"/api/v1/transcribe/{row['id']}/cancel",))
        cancel.start()
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        cancel.join()
        assert caught.value.code == "cancelled"
        wait_until(lambda: not rows(tmp_path, "SELECT 1 FROM recordings"), what="the clean-up")
