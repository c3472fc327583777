"""R16 and cancelling: a job that is stopped on purpose stops soon, and one that is to go on goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests import countingengine
from tests.checkup import assert_sound, job_row, window_count
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import ServerProcess, ThreadServer, thread_server, wait_until

CALL = wav(seconds=30)


@pytest.fixture(scope="module")
def engine_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, engine_log: Path) -> Iterator[ThreadServer]:
    settings = make_settings(
        tmp_path_factory.mktemp("data"), engine={"download": False, "idle_seconds": 3600}
    )
    with thread_server(settings) as running:
        yield running
    assert_sound(settings.data)


def test_a_stopped_server_gives_its_jobs_back(tmp_path: Path, server: ThreadServer, engine_log: Path) -> None:
    before = countingengine.asked(engine_log)
    undisturbed = server.client.send_file("call.wav", CALL, engine="counting", wait=60).json()
    requests = countingengine.asked(engine_log) - before

    data = tmp_path / "data"
    process = ServerProcess(data)
    try:
        # One job in the midst of a window that takes the engine minutes, one that comes along.
        stuck = process.client.send_file("call.wav", CALL, engine="echo:100").json()["session_id"]
        session_id = process.client.send_file("call.wav", CALL, engine="counting:0.06").json()["session_id"]
        wait_until(lambda: window_count(data, session_id) >= 1, what="the first window")
        wait_until(lambda: job_row(data, stuck)["stage"] == "transcribe", what="the slow engine at work")
        children = process.children()
        assert children
        process.stop()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive
    finally:
        process.process.kill()
    for one in (stuck, session_id):
        row = job_row(data, one)
        assert (row["state"], row["attempt"], row["tries_left"], row["owner"]) == ("queued", 1, 3, None)
    assert_sound(data)
    recorded = window_count(data, session_id)
    assert 1 <= recorded < requests

    before = countingengine.asked(engine_log)
    with thread_server(make_settings(data), recover=True) as again:
        again.client.post(f"/api/v1/transcribe/{stuck}/cancel")
        again.client.until_ended(stuck)
        session = again.client.until_ended(session_id)
    assert session["status"] == "completed"
    assert countingengine.asked(engine_log) - before == requests - recorded
    assert session["transcript"] == undisturbed["transcript"]
    assert_sound(data)


def test_cancelled_in_the_middle_of_a_window(server: ThreadServer, engine_log: Path) -> None:
    before = countingengine.asked(engine_log)
    # A window of ten seconds takes the engine seventeen minutes.
    session_id = server.client.send_file("call.wav", wav(20), engine="counting:100").json()["session_id"]
    wait_until(lambda: countingengine.asked(engine_log) > before, what="the engine at work")
    assert server.client.post(f"/api/v1/transcribe/{session_id}/cancel").status_code == 202
    assert server.client.until_ended(session_id)["status"] == "cancelled"


@pytest.mark.slow
def test_cancelled_while_the_engine_loads(server: ThreadServer, engine_log: Path) -> None:
    before = countingengine.asked(engine_log, "load")
    session_id = server.client.send_file("call.wav", wav(4), engine="counting:load=600").json()["session_id"]
    wait_until(lambda: countingengine.asked(engine_log, "load") > before, what="the engine loading")
    assert server.client.post(f"/api/v1/transcribe/{session_id}/cancel").status_code == 202
    assert server.client.until_ended(session_id)["status"] == "cancelled"


@pytest.mark.slow
def test_stopped_while_the_engine_loads(tmp_path: Path, engine_log: Path) -> None:
    settings = make_settings(tmp_path / "data")
    before = countingengine.asked(engine_log, "load")
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", wav(4), engine="counting:load=601").json()[
            "session_id"
        ]
        wait_until(lambda: countingengine.asked(engine_log, "load") > before, what="the engine loading")
    row = job_row(settings.data, session_id)
    assert (row["state"], row["tries_left"]) == ("queued", 3)
    assert_sound(settings.data)
