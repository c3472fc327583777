"""R17: after many jobs that ended in every way, nothing is left of them but their rows and files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.checkup import assert_sound
from tests.children import own_children
from tests.conftest import make_settings
from tests.makecall import silence, wav
from tests.serving import ThreadServer, thread_server, wait_until


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


BROKEN = wav(4)[:3000] + b"\xff" * 100


def one_round(server: ThreadServer) -> None:
    client = server.client
    ids = [
        client.send_file("call.wav", wav(4)).json()["session_id"],
        client.send_file("silence.wav", silence(1)).json()["session_id"],
        client.send_file("cut.wav", BROKEN).json()["session_id"],
    ]
    cancelled = client.send_file("long.wav", wav(30), engine="echo:100").json()["session_id"]
    assert client.send_file("text.wav", b"no recording at all").status_code == 415
    wait_until(lambda: client.session(cancelled)["stage"] == "transcribe", what="the engine at work")
    deleted = client.send_file("gone.wav", wav(30), engine="echo:100").json()["session_id"]
    assert client.delete(f"/api/v1/transcribe/{deleted}").status_code == 204
    assert client.post(f"/api/v1/transcribe/{cancelled}/cancel").status_code == 202
    for session_id in [*ids, cancelled]:
        client.until_ended(session_id)
    wait_until(lambda: server.runtime.runner.busy == 0, what="the end of all work")


def footprint(server: ThreadServer) -> tuple[int, int, int]:
    """Descriptors, children and threads of this process, once it has come to rest."""
    me = psutil.Process()
    server.client.get("/api/v1/health")
    return me.num_fds(), len(me.children(recursive=True)), me.num_threads()


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_nothing_leaks(tmp_path: Path, rounds: int) -> None:
    settings = make_settings(tmp_path / "data")
    others = set(psutil.Process().children(recursive=True))  # such as a Redis that other tests share
    with thread_server(settings) as server:
        one_round(server)
        before = footprint(server)
        for _ in range(rounds):
            one_round(server)
        after = footprint(server)
        # A connection or thread more may be in the pools by chance; a leak has at least one a job.
        for name, was, is_now in zip(("descriptors", "children", "threads"), before, after, strict=True):
            assert is_now <= was + 6, (name, was, is_now)
        assert not list((settings.data / "incoming").iterdir())
    assert not set(psutil.Process().children(recursive=True)) - others
    assert_sound(settings.data)
