"""R7: a recording that kills whatever touches it fails for good, and its neighbours never notice."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests import countingengine
from tests.checkup import assert_sound, job_row
from tests.conftest import make_settings
from tests.makecall import samples, wav, wav_bytes
from tests.serving import ThreadServer, thread_server

ATTEMPTS = 2  # between them are pauses, which grow
GENTLE = wav(seconds=4)
LOUD = wav_bytes((np.clip(samples(4).astype(np.int32) * 40, -32768, 32767)).astype(np.int16))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")):
        settings = make_settings(tmp_path_factory.mktemp("data"), jobs={"attempts": ATTEMPTS})
        with thread_server(settings) as running:
            yield running
        assert_sound(settings.data)


def assert_fails_alone(server: ThreadServer, poison: str, neighbours: list[str], code: str) -> None:
    session = server.client.until_ended(poison)
    assert (session["status"], session["error"]["code"]) == ("failed", code)
    row = job_row(server.runtime.settings.data, poison)
    assert (row["attempt"], row["tries_left"]) == (ATTEMPTS, 0)
    for neighbour in neighbours:
        session = server.client.until_ended(neighbour)
        assert session["status"] == "completed", session["error"]


@pytest.mark.slow
def test_a_recording_that_kills_its_engine(server: ThreadServer) -> None:
    def send(data: bytes) -> str:
        return str(server.client.send_file("call.wav", data, engine="counting:fragile").json()["session_id"])

    before, poison, after = send(GENTLE), send(LOUD), send(GENTLE)
    assert_fails_alone(server, poison, [before, after], "engine_crashed")


@contextmanager
def killing_decoders_of(file: Path) -> Iterator[None]:
    """Kill each child of this process that has ``file`` open, as soon as it is seen."""
    over = threading.Event()

    def holds(child: psutil.Process) -> bool:
        return any(
            os.path.samefile(descriptor, file) for descriptor in Path(f"/proc/{child.pid}/fd").iterdir()
        )

    def hunt() -> None:
        me = psutil.Process()
        while not over.wait(0.02):
            for child in me.children(recursive=True):
                try:
                    if "tiro.media.child" in child.cmdline() and holds(child):
                        child.kill()
                except (OSError, psutil.NoSuchProcess):
                    continue

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        yield
    finally:
        over.set()
        hunter.join()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see who reads the file")
def test_a_recording_that_kills_its_decoder(server: ThreadServer) -> None:
    # Long enough that its decoder always waits for the engine, and never gets away.
    busy = [
        server.client.send_file("busy.wav", wav(40), engine="counting:1").json()["session_id"] for _ in "12"
    ]
    poison = server.client.send_file("long.wav", wav(240), engine="counting:1").json()["session_id"]
    file = server.runtime.settings.data / "media" / poison[-2:] / poison
    with killing_decoders_of(file):
        for session_id in busy:
            server.client.post(f"/api/v1/transcribe/{session_id}/cancel")
        neighbours = [
            server.client.send_file("call.wav", GENTLE, engine="counting").json()["session_id"] for _ in "12"
        ]
        assert_fails_alone(server, poison, neighbours, "decoder_crashed")
