"""An engine that hangs is noticed and ended; one that only takes long is let alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests import countingengine, tinywhisper
from tests.checkup import assert_sound, job_row
from tests.children import own_children
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import thread_server, wait_until

from tiro.engines import watchdog
from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec
from tiro.engines.whisper import PROVIDER
from tiro.errors import EngineCrashed, EngineFailed, EngineStalled
from tiro.speech.types import SAMPLE_RATE


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


STALL = 2.0
"""Seconds; less, and a busy machine might keep a child from its work for so long."""

REQUEST = TranscribeRequest(np.full(5 * SAMPLE_RATE // 16, 0.1, np.float32))
"""Fits into the pipe to a child that does not read, three times."""


@pytest.fixture(scope="module")
def engine_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "tiro.engines.child" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("cancellable", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["echo", pytest.param("whisper", marks=pytest.mark.slow)])
def test_a_child_that_stands_still_is_ended(tmp_path: Path, model: str, cancellable: bool) -> None:
    tinywhisper.make(tmp_path / "tiny")
    spec = EngineSpec("echo", "0") if model == "echo" else EngineSpec("whisper", "tiny")
    options = EngineOptions(tmp_path, device="cpu", threads=1, download=False)
    stop = threading.Event() if cancellable else None
    with EngineHosts(options, stall_seconds=STALL) as hosts, ThreadPoolExecutor(2) as pool:
        hosts.warm(spec)
        [child] = children()
        os.kill(child.pid, signal.SIGSTOP)
        first = pool.submit(hosts.transcribe, spec, REQUEST, stop)
        with pytest.raises(EngineStalled) as caught:
            first.result(60)
        assert isinstance(caught.value, EngineCrashed)
        assert caught.value.transient
        assert not child.is_running()
        # The next request loads the model anew.
        assert hosts.transcribe(spec, TranscribeRequest(np.full(SAMPLE_RATE, 0.1, np.float32)))
        assert [state.restarts for state in hosts.state()] == [1]


@pytest.mark.slow
def test_all_who_wait_for_it_are_told(tmp_path: Path) -> None:
    tinywhisper.make(tmp_path / "tiny")
    spec = EngineSpec("whisper", "tiny")
    options = EngineOptions(tmp_path, device="cpu", threads=1, download=False)
    with EngineHosts(options, stall_seconds=STALL) as hosts, ThreadPoolExecutor(3) as pool:
        hosts.warm(spec)
        os.kill(children()[0].pid, signal.SIGSTOP)
        calls = [pool.submit(hosts.transcribe, spec, REQUEST) for _ in range(3)]
        for call in calls:
            with pytest.raises(EngineCrashed):
                call.result(60)


def test_one_that_hangs_while_it_loads_is_ended(tmp_path: Path, engine_log: Path) -> None:
    with (
        EngineHosts(EngineOptions(tmp_path), stall_seconds=STALL) as hosts,
        pytest.raises(EngineStalled),
    ):
        hosts.capabilities(EngineSpec("counting", "load=600"))


def test_one_that_computes_or_rests_is_let_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time is a sign of life; and what nobody waited for does not count."""
    now, used = [0.0], [0.0]

    class Child:
        def cpu_times(self) -> object:
            return type("Times", (), {"user": used[0], "system": 0.0})

    monkeypatch.setattr(watchdog.psutil, "Process", lambda pid: Child())
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    dog = watchdog.Watchdog(1, 10.0)
    for _ in range(20):
        now[0] += 9.0
        used[0] += 1.0
        assert not dog.is_stuck()
    now[0] += 9.9
    assert not dog.is_stuck()
    now[0] += 0.2
    assert dog.is_stuck()
    now[0] += 1000.0
    dog.heard()
    assert not dog.is_stuck()
    # Busy for ever, without a word.
    for _ in range(int(watchdog.LONGEST / 9) - 1):
        now[0] += 9.0
        used[0] += 1.0
        assert not dog.is_stuck()
    now[0] += 9.0
    used[0] += 1.0
    assert dog.is_stuck()


@pytest.mark.slow
def test_a_job_goes_on_after_its_engine_hung(tmp_path: Path, engine_log: Path) -> None:
    settings = make_settings(tmp_path / "data", engine={"download": False, "stall_seconds": STALL})
    before = countingengine.asked(engine_log)
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", wav(30), engine="counting:0.02").json()["session_id"]
        wait_until(lambda: countingengine.asked(engine_log) >= before + 2, what="the engine at work")
        os.kill(children()[0].pid, signal.SIGSTOP)
        assert server.client.until_ended(session_id)["status"] == "completed"
        assert job_row(settings.data, session_id)["attempt"] == 2
    assert_sound(settings.data)


@pytest.mark.parametrize(
    "trouble",
    [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("CUDA failed with error out of memory")],
)
def test_no_memory_to_load_is_no_damaged_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    tinywhisper.make(tmp_path / "tiny")

    def refuse(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr("ctranslate2.models.Whisper", refuse)
    with pytest.raises(EngineFailed, match="not enough memory"):
        PROVIDER.load("tiny", EngineOptions(tmp_path, device="cpu"))
