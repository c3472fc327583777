"""R3: whoever dies in the middle of a job, it is finished once, and what was recorded is not done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests import countingengine
from tests.checkup import assert_sound, job_row, rows, window_count
from tests.children import own_children
from tests.conftest import make_settings
from tests.databases import stuck_at
from tests.makecall import wav
from tests.serving import Client, ServerProcess, thread_server, wait_until


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


CALL = wav(seconds=50, channels=2)


@pytest.fixture(scope="module")
def engine_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, engine_log: Path) -> dict[str, Any]:
    """The same call transcribed in peace; ``requests`` is how often the engine was asked."""
    before = countingengine.asked(engine_log)
    with thread_server(make_settings(tmp_path_factory.mktemp("undisturbed"))) as server:
        result = server.client.send_file("call.wav", CALL, wait=60, engine="counting").json()
    assert result["status"] == "completed", result
    requests = countingengine.asked(engine_log) - before
    assert requests >= 6
    return {"segments": result["transcript"]["segments"], "requests": requests}


def assert_done_once(data: Path, client: Client, session_id: str, undisturbed: dict[str, Any]) -> None:
    session = client.until_ended(session_id)
    assert session["status"] == "completed", session["error"]
    assert session["transcript"]["segments"] == undisturbed["segments"]
    current = rows(data, "SELECT * FROM transcripts WHERE recording_id = ? AND current", session_id)
    assert len(current) == 1
    told = rows(data, "SELECT data FROM events WHERE recording_id = ? AND type = 'segment'", session_id)
    assert len(told) == len(undisturbed["segments"])
    assert job_row(data, session_id)["attempt"] == 2


# What the server cannot get past, and how to see that it came so far.
MOMENTS = {
    "probe": ("UPDATE OF media ON jobs", "SELECT 1 FROM jobs WHERE stage = 'probe'"),
    "model": ("UPDATE ON jobs WHEN NEW.stage = 'transcribe'", "SELECT 1 FROM jobs WHERE stage = 'model'"),
    "first window": ("INSERT ON windows", "SELECT 1 FROM jobs WHERE layout IS NOT NULL"),
    "fourth window": ("INSERT ON windows WHEN NEW.position = 3", "SELECT 1 FROM windows WHERE position = 2"),
    # With the last window, in one transaction.
    "record": ("INSERT ON transcripts", "SELECT 1 FROM windows WHERE position = {last} - 1"),
}
IN_SHORT = {"fourth window"}

TIMES = 5
"""How often each moment is tried where there is time."""


@pytest.mark.parametrize(
    ("moment", "turn"),
    [
        pytest.param(name, turn, marks=[] if name in IN_SHORT and turn == 1 else pytest.mark.slow)
        for name in MOMENTS
        for turn in range(1, TIMES + 1)
    ],
)
def test_a_killed_server_goes_on_where_it_was(
    tmp_path: Path, engine_log: Path, undisturbed: dict[str, Any], moment: str, turn: int
) -> None:
    data = tmp_path / "data"
    trigger, reached = MOMENTS[moment]
    server = ServerProcess(data)
    try:
        with stuck_at(data, trigger):
            session_id = server.client.send_file("call.wav", CALL, engine="counting").json()["session_id"]
            reached = reached.format(last=undisturbed["requests"] - 1)
            wait_until(lambda: rows(data, reached), what=moment)
            server.kill()
    finally:
        server.process.kill()
    recorded, before = window_count(data, session_id), countingengine.asked(engine_log)
    with thread_server(make_settings(data), recover=True) as again:
        assert_done_once(data, again.client, session_id, undisturbed)
    assert countingengine.asked(engine_log) - before == undisturbed["requests"] - recorded
    assert_sound(data)


def children(module: str) -> list[psutil.Process]:
    """Children of this process that run ``module``."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if module in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize(
    "victim",
    [pytest.param(name, marks=pytest.mark.slow) for name in ("tiro.engines.child", "tiro.media.child")],
)
def test_a_killed_child_costs_one_try_and_nothing_else(
    tmp_path: Path, engine_log: Path, undisturbed: dict[str, Any], victim: str
) -> None:
    data = tmp_path / "data"
    asked = countingengine.asked(engine_log)
    with thread_server(make_settings(data)) as server:
        session_id = server.client.send_file("call.wav", CALL, engine="counting:0.05").json()["session_id"]
        # In the midst of a window: one that dies between two is replaced, and costs nothing.
        wait_until(
            lambda: 2 <= window_count(data, session_id) < countingengine.asked(engine_log) - asked,
            what="two windows and a third begun",
        )
        for child in children(victim):
            child.kill()
        wait_until(lambda: job_row(data, session_id)["state"] == "queued", what="the pause before a new try")
        recorded, before = window_count(data, session_id), countingengine.asked(engine_log)
        assert recorded >= 2
        assert_done_once(data, server.client, session_id, undisturbed)
        assert countingengine.asked(engine_log) - before == undisturbed["requests"] - recorded
    assert_sound(data)
