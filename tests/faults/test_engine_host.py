"""Engine hosts when things go wrong: a child dies, a caller gives up, the parent is killed, nobody comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.children import own_children

from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts, HostState
from tiro.engines.messages import Header
from tiro.engines.process import HostProcess
from tiro.engines.registry import EngineSpec
from tiro.errors import (
    Cancelled,
    EngineCrashed,
    EngineFailed,
    ModelCorrupt,
    ModelUnavailable,
    TiroError,
    UnknownEngine,
)
from tiro.speech.types import SAMPLE_RATE, Audio, Segment

ECHO = EngineSpec("echo")
SLOW = EngineSpec("echo", "30")
"""Takes 30 s for a second of audio: whoever waits for it to finish fails the test."""
DEADLINE = 60.0

TONE: Audio = np.full(2 * SAMPLE_RATE, 0.1, np.float32)


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


SENT: list[EngineSpec] = []
"""The engine of each request that a child has been handed in full."""


@pytest.fixture(autouse=True)
def _sent(monkeypatch: pytest.MonkeyPatch) -> None:
    send = HostProcess._send

    def and_note(host: HostProcess, header: Header, body: bytes | memoryview = b"") -> None:
        send(host, header, body)
        if header["op"] == "transcribe":
            SENT.append(host.spec)

    monkeypatch.setattr(HostProcess, "_send", and_note)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[EngineHosts]:
    with EngineHosts(EngineOptions(tmp_path, download=False)) as hosts:
        yield hosts


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def children() -> list[psutil.Process]:
    """Engine hosts of this process that are alive."""
    found = []
    for child in psutil.Process().children():
        try:
            if "tiro.engines.child" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def gone(pid: int) -> bool:
    """Dead, or waiting only for a parent that never asks."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def state(hosts: EngineHosts, spec: EngineSpec) -> HostState:
    return next(state for state in hosts.state() if state.engine == str(spec))


def started(
    pool: ThreadPoolExecutor,
    hosts: EngineHosts,
    stop: threading.Event | None = None,
    spec: EngineSpec = SLOW,
    audio: Audio = TONE,
) -> Future[list[Segment]]:
    """A request that is worked on: of a child that dies before it has all of it, another takes it over."""
    before = SENT.count(spec)
    future = pool.submit(hosts.transcribe, spec, TranscribeRequest(audio), stop)
    until(lambda: SENT.count(spec) > before)
    return future


def test_a_killed_child_costs_one_request(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    request = started(pool, hosts)
    [child] = children()
    child.kill()
    with pytest.raises(EngineCrashed, match="exit status -9"):
        request.result(DEADLINE)
    assert state(hosts, SLOW).restarts == 1
    assert state(hosts, SLOW).hosts == 0
    # The next request gets a new child and works on.
    stop = threading.Event()
    again = started(pool, hosts, stop)
    assert children()[0].pid != child.pid
    stop.set()
    with pytest.raises(Cancelled):
        again.result(DEADLINE)


def test_a_child_that_died_idle_is_replaced_unnoticed(hosts: EngineHosts) -> None:
    first = hosts.transcribe(ECHO, TranscribeRequest(TONE))
    [child] = children()
    child.kill()
    until(lambda: gone(child.pid))
    assert hosts.transcribe(ECHO, TranscribeRequest(TONE)) == first
    assert state(hosts, ECHO).restarts == 1


def test_the_error_carries_the_childs_last_words(
    hosts: EngineHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('no numpy today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineCrashed, match="no numpy today"):
        hosts.capabilities(ECHO)


def test_a_cancelled_request_leaves_the_child_in_place(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    stop = threading.Event()
    request = started(pool, hosts, stop)
    before = [child.pid for child in children()]
    stop.set()
    with pytest.raises(Cancelled):
        request.result(DEADLINE)
    assert [child.pid for child in children()] == before
    assert state(hosts, SLOW) == HostState(str(SLOW), hosts=1, busy=0, waiting=0, restarts=0)


@pytest.mark.slow
def test_an_engine_that_does_not_listen_is_killed(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    spec = EngineSpec("pocketsphinx")
    noise = np.random.default_rng(0).normal(0, 0.2, 300 * SAMPLE_RATE).astype(np.float32)
    hosts.warm(spec)
    stop = threading.Event()
    request = started(pool, hosts, stop, spec, noise)
    stop.set()
    with pytest.raises(Cancelled):
        request.result(DEADLINE)
    assert state(hosts, spec).hosts == 0
    assert children() == []


def test_cancelling_a_request_that_waits_for_its_turn(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    with EngineHosts(EngineOptions(Path("models")), limit=1) as narrow:
        stops = [threading.Event(), threading.Event()]
        first = started(pool, narrow, stops[0])
        second = pool.submit(narrow.transcribe, SLOW, TranscribeRequest(TONE), stops[1])
        until(lambda: state(narrow, SLOW).waiting == 1)
        stops[1].set()
        with pytest.raises(Cancelled):
            second.result(DEADLINE)
        assert not first.done()
        stops[0].set()
        with pytest.raises(Cancelled):
            first.result(DEADLINE)


def test_first_come_first_served(pool: ThreadPoolExecutor) -> None:
    served: list[int] = []
    with EngineHosts(EngineOptions(Path("models")), limit=1) as narrow:
        stop = threading.Event()
        blocker = started(pool, narrow, stop)

        def request(number: int) -> None:
            # An empty window takes no time even at this pace, so only the order of service counts.
            narrow.transcribe(SLOW, TranscribeRequest(np.zeros(0, np.float32)))
            served.append(number)

        requests = []
        for number in range(5):
            requests.append(pool.submit(request, number))
            until(lambda: state(narrow, SLOW).waiting == len(requests))
        stop.set()
        with pytest.raises(Cancelled):
            blocker.result(DEADLINE)
        for future in requests:
            future.result(DEADLINE)
    assert served == sorted(served)


def test_hosts_are_added_up_to_what_the_engine_asks_for(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    most = hosts.capabilities(SLOW).parallel
    stop = threading.Event()
    requests = [pool.submit(hosts.transcribe, SLOW, TranscribeRequest(TONE), stop) for _ in range(most + 1)]
    until(lambda: state(hosts, SLOW).busy == most and state(hosts, SLOW).waiting == 1)
    assert len(children()) == most
    stop.set()
    for request in requests:
        with pytest.raises(Cancelled):
            request.result(DEADLINE)


@pytest.mark.slow
def test_idle_hosts_are_unloaded_and_come_back(tmp_path: Path) -> None:
    with EngineHosts(EngineOptions(tmp_path), idle_seconds=1.0) as hosts:
        hosts.warm(ECHO)
        [child] = children()
        until(lambda: gone(child.pid))
        assert state(hosts, ECHO).hosts == 0
        assert state(hosts, ECHO).restarts == 0
        assert hosts.transcribe(ECHO, TranscribeRequest(TONE))


def test_closing_ends_all_children_and_what_they_do(hosts: EngineHosts, pool: ThreadPoolExecutor) -> None:
    request = started(pool, hosts)
    hosts.warm(ECHO)
    pids = [child.pid for child in children()]
    assert len(pids) == 2
    hosts.close()
    with pytest.raises(EngineCrashed):
        request.result(DEADLINE)
    assert all(gone(pid) for pid in pids)
    with pytest.raises(EngineCrashed):
        hosts.transcribe(ECHO, TranscribeRequest(TONE))


PARENT = """
import sys, threading, numpy as np
from pathlib import Path
from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec
hosts = EngineHosts(EngineOptions(Path("models")))
spec = EngineSpec("echo", "30")
hosts.warm(spec, 2)
request = TranscribeRequest(np.ones(16000, np.float32))
threading.Thread(target=hosts.transcribe, args=(spec, request)).start()
print("working", flush=True)
sys.stdin.read()
"""


def test_children_end_when_the_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"working\n"
        pids = [child.pid for child in psutil.Process(parent.pid).children()]
        assert pids
        parent.kill()
        for pid in pids:
            until(lambda pid=pid: gone(pid))


def test_ctrl_c_reaches_the_parent_only(hosts: EngineHosts) -> None:
    hosts.warm(ECHO)
    [child] = children()
    assert os.getsid(child.pid) != os.getsid(0)
    os.kill(child.pid, signal.SIGINT)
    assert hosts.transcribe(ECHO, TranscribeRequest(TONE))
    assert [process.pid for process in children()] == [child.pid]


def test_children_are_given_none_of_our_settings(hosts: EngineHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIRO_HTTP_KEY", "secret")
    hosts.warm(ECHO)
    [child] = children()
    assert not [name for name in child.environ() if name.startswith("TIRO_")]


STRANGER = """
import sys
from tiro.engines.base import Availability, Capabilities
from tiro.speech.types import Segment

class Engine:
    capabilities = Capabilities("stranger 1")

    def transcribe(self, request):
        print("a library that prints")
        sys.stdout.flush()
        yield Segment(0.0, 1.0, "hello")
        if request.language:
            raise KeyError("a fault of its own")

class Provider:
    name = "stranger"

    def availability(self, model, options):
        return Availability(True, "here")

    def load(self, model, options):
        import os
        os.write(1, b"a library that writes to descriptor 1")
        return Engine()

PROVIDER = Provider()
"""


def test_a_strangers_engine_may_print_and_fail(
    hosts: EngineHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger.py").write_text(STRANGER)
    info = tmp_path / "stranger-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tiro.engines]\nstranger = stranger:PROVIDER\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    spec = EngineSpec("stranger")
    assert [segment.text for segment in hosts.transcribe(spec, TranscribeRequest(TONE))] == ["hello"]
    with pytest.raises(EngineFailed, match="a fault of its own"):
        hosts.transcribe(spec, TranscribeRequest(TONE, "en"))
    assert hosts.transcribe(spec, TranscribeRequest(TONE))
    assert state(hosts, spec).restarts == 0


@pytest.mark.slow
def test_errors_cross_the_pipe_as_what_they_are(hosts: EngineHosts, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (damaged / name).write_text("{}")
    expected: dict[EngineSpec, type[TiroError]] = {
        EngineSpec("whisper", "small"): ModelUnavailable,
        EngineSpec("whisper", "damaged"): ModelCorrupt,
        EngineSpec("whisper", str(tmp_path)): ModelCorrupt,
        EngineSpec("nobody"): UnknownEngine,
        EngineSpec("echo", "fast"): UnknownEngine,
    }
    for spec, error in expected.items():
        with pytest.raises(error):
            hosts.capabilities(spec)
    assert children() == []
