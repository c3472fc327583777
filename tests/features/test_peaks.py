"""How loud a recording is over time."""

from __future__ import annotations

import numpy as np
import pytest
from tests.makecall import silence, wav
from tests.serving import ThreadServer

from tiro.features.peaks import repository
from tiro.features.peaks.service import MOST, PER_SECOND, measure


def sent(server: ThreadServer, data: bytes) -> str:
    return str(server.client.send_file("call.wav", data, wait=30).json()["session_id"])


def test_loud_and_silent_stretches_show(server: ThreadServer) -> None:
    loud = server.client.get(f"/api/v1/transcribe/{sent(server, wav(seconds=2))}/peaks")
    assert loud.headers["cache-control"].startswith("private")
    assert loud.json()["duration"] == pytest.approx(2, abs=0.1)
    assert len(loud.json()["points"]) == pytest.approx(2 * PER_SECOND, abs=1)
    assert max(loud.json()["points"]) > 50
    quiet = server.client.get(f"/api/v1/transcribe/{sent(server, silence(1))}/peaks").json()
    assert max(quiet["points"]) <= 1


def test_they_are_measured_once_and_go_with_the_recording(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = sent(server, wav(seconds=1))
    path = f"/api/v1/transcribe/{session_id}/peaks"
    first = server.client.get(path).json()
    with monkeypatch.context() as patch:
        patch.setattr(server.runtime.peaks, "_measure", None)
        assert server.client.get(path).json() == first
    assert server.client.delete(f"/api/v1/transcribe/{session_id}").status_code == 204
    with server.runtime.database.read() as session:
        assert repository.get(session, session_id) is None
    assert server.client.get(path).status_code == 404


def test_a_long_recording_has_no_more_points_than_a_screen_can_show() -> None:
    block = np.zeros((16_000, 2), np.int16)
    loudest = block.copy()
    loudest[5, 1] = np.iinfo(np.int16).min
    seconds = 2 * MOST // PER_SECOND
    points = measure(iter([block] * (seconds - 1) + [loudest]))
    assert len(points) == MOST
    # What is loud for an instant is not averaged away.
    assert max(points) == 255
    assert np.frombuffer(points, np.uint8)[:-10].max() == 0


def test_a_last_block_may_be_short_and_there_may_be_none() -> None:
    assert len(measure(iter([np.full((900, 1), 16_384, np.int16)]))) == 2
    assert measure(iter([])) == b""
