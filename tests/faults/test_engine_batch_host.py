"""A host that serves many requests at once: what happens to one of them must not happen to the others."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.children import own_children
from tests.faults.test_engine_host import DEADLINE, TONE, children, state, until

import tiro.engines.process as process
from tiro.engines.base import DecodingOptions, EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec
from tiro.errors import Cancelled, EngineCrashed, EngineFailed, UnsupportedLanguage
from tiro.speech.types import Segment


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


TEAM = """
import os, time
from pathlib import Path
from tiro.engines.base import Availability, Capabilities, Prepared
from tiro.errors import UnsupportedLanguage
from tiro.speech.types import Segment

class Engine:
    capabilities = Capabilities("team 1", batch=4)

    def __init__(self, folder):
        self.folder = Path(folder)

    def note(self, name, text):
        with open(self.folder / name, "a") as file:
            file.write(text + "\\n")

    def prepare(self, request):
        if request.language == "xx":
            raise UnsupportedLanguage("not xx")
        self.note("prepared", request.language)
        return Prepared(request, request.decoding.beam, request.language)

    def transcribe_batch(self, requests):
        names = [prepared.inputs for prepared in requests]
        self.note("batches", " ".join(names))
        gates = [self.folder / "open", self.folder / f"open-{names[0]}"]
        while not any(gate.exists() for gate in gates):
            time.sleep(0.01)
        if "die" in names:
            os._exit(3)
        if "bad" in names:
            raise RuntimeError("one of them is bad")
        return [[Segment(0.0, 1.0, name)] for name in names]

class Provider:
    name = "team"

    def availability(self, model, options):
        return Availability(True, "here")

    def load(self, model, options):
        return Engine(model)

PROVIDER = Provider()
"""


@dataclass
class Bench:
    """Hosts with one engine that works in batches of four, and does nothing until a gate is opened."""

    hosts: EngineHosts
    pool: ThreadPoolExecutor
    folder: Path

    @property
    def spec(self) -> EngineSpec:
        return EngineSpec("team", str(self.folder))

    def send(self, name: str, stop: threading.Event | None = None, beam: int = 5) -> Future[list[Segment]]:
        request = TranscribeRequest(TONE, name, decoding=DecodingOptions(beam=beam))
        return self.pool.submit(self.hosts.transcribe, self.spec, request, stop)

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def at_work(self, name: str, stop: threading.Event | None = None) -> Future[list[Segment]]:
        """A request whose batch has begun, alone."""
        future = self.send(name, stop)
        until(lambda: name in self.lines("batches"))
        return future

    def queued(self, name: str, stop: threading.Event | None = None, beam: int = 5) -> Future[list[Segment]]:
        """A request that waits in the child for its batch."""
        future = self.send(name, stop, beam)
        until(lambda: name in self.lines("prepared"))
        return future

    def together(self, *names: str, stop: threading.Event) -> list[Future[list[Segment]]]:
        """Requests that are worked on in one batch; the first can be cancelled by ``stop``."""
        blocker = self.at_work("blocker")
        futures = [self.queued(name, None if index else stop) for index, name in enumerate(names)]
        (self.folder / "open-blocker").touch()
        assert said(blocker) == "blocker"
        until(lambda: " ".join(names) in self.lines("batches"))
        return futures

    def open(self) -> None:
        (self.folder / "open").touch()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    (tmp_path / "team.py").write_text(TEAM)
    info = tmp_path / "team-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: team\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tiro.engines]\nteam = team:PROVIDER\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    options = EngineOptions(tmp_path, download=False)
    with ThreadPoolExecutor(16) as pool, EngineHosts(options) as hosts:
        bench = Bench(hosts, pool, tmp_path)
        hosts.warm(bench.spec)
        yield bench


def said(future: Future[list[Segment]]) -> str:
    [segment] = future.result(DEADLINE)
    return segment.text


def test_one_child_serves_many_callers_in_one_batch(bench: Bench) -> None:
    first = bench.at_work("a")
    others = [bench.queued(name) for name in "bcde"]
    assert state(bench.hosts, bench.spec).hosts == 1
    bench.open()
    assert [said(future) for future in [first, *others]] == list("abcde")
    assert bench.lines("batches") == ["a", "b c d e"]
    assert len(children()) == 1


def test_a_batch_holds_one_set_of_options(bench: Bench) -> None:
    first = bench.at_work("a")
    others = [bench.queued("b"), bench.queued("c", beam=1), bench.queued("d")]
    bench.open()
    assert [said(future) for future in [first, *others]] == list("abcd")
    assert bench.lines("batches") == ["a", "b d", "c"]


def test_what_a_child_cannot_take_waits_in_line(bench: Bench) -> None:
    first = bench.at_work("a")
    names = [f"n{number}" for number in range(7)]
    others = [bench.queued(name) for name in names]
    # A batch and the next one are with the child.
    more = bench.send("z")
    until(lambda: state(bench.hosts, bench.spec).waiting == 1)
    assert "z" not in bench.lines("prepared")
    bench.open()
    assert [said(future) for future in [first, *others, more]] == ["a", *names, "z"]


def test_a_request_cancelled_while_it_waits_is_not_worked_on(bench: Bench) -> None:
    stop = threading.Event()
    first = bench.at_work("a")
    unwanted, wanted = bench.queued("b", stop), bench.queued("c")
    stop.set()
    with pytest.raises(Cancelled):
        unwanted.result(DEADLINE)
    # Its answer did not have to wait for the batch at work.
    assert not first.done()
    bench.open()
    assert [said(first), said(wanted)] == ["a", "c"]
    assert bench.lines("batches") == ["a", "c"]
    assert state(bench.hosts, bench.spec).restarts == 0


def test_cancelling_one_of_a_batch_leaves_the_others_alone(bench: Bench) -> None:
    stop = threading.Event()
    unwanted, *wanted = bench.together("b", "c", "d", stop=stop)
    [child] = children()
    stop.set()
    with pytest.raises(Cancelled):
        unwanted.result(DEADLINE)
    assert [process.pid for process in children()] == [child.pid]
    bench.open()
    assert [said(future) for future in wanted] == ["c", "d"]
    assert said(bench.send("e")) == "e"
    assert state(bench.hosts, bench.spec).restarts == 0
    assert state(bench.hosts, bench.spec).busy == 0


def test_a_batch_that_nobody_wants_any_more_is_killed(bench: Bench) -> None:
    stop = threading.Event()
    futures = [bench.at_work("a", stop), bench.queued("b", stop)]
    stop.set()
    for future in futures:
        with pytest.raises(Cancelled):
            future.result(DEADLINE)
    assert children() == []
    assert state(bench.hosts, bench.spec).restarts == 1
    bench.open()
    assert said(bench.send("c")) == "c"


def test_a_crash_fails_all_that_are_under_way(bench: Bench) -> None:
    futures = [bench.at_work("die"), bench.queued("b"), bench.queued("c")]
    bench.open()
    for future in futures:
        with pytest.raises(EngineCrashed, match="exit status 3"):
            future.result(DEADLINE)
    assert EngineCrashed.transient
    assert state(bench.hosts, bench.spec).restarts == 1
    assert state(bench.hosts, bench.spec).hosts == 0
    assert said(bench.send("d")) == "d"


def test_one_bad_request_does_not_spoil_its_batch(bench: Bench) -> None:
    first = bench.at_work("a")
    bad, good = bench.queued("bad"), bench.queued("b")
    bench.open()
    assert [said(first), said(good)] == ["a", "b"]
    with pytest.raises(EngineFailed, match="one of them is bad"):
        bad.result(DEADLINE)
    assert bench.lines("batches") == ["a", "bad b", "bad", "b"]


def test_a_request_that_is_refused_costs_nobody_anything(bench: Bench) -> None:
    first = bench.at_work("a")
    with pytest.raises(UnsupportedLanguage, match="not xx"):
        bench.send("xx").result(DEADLINE)
    assert not first.done()
    bench.open()
    assert said(first) == "a"


def test_a_child_that_hangs_is_killed_whomever_it_serves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "HANG", process.GRACE + 0.2)
    stop = threading.Event()
    unwanted, wanted = bench.at_work("a", stop), bench.queued("b")
    [child] = children()
    os.kill(child.pid, signal.SIGSTOP)
    stop.set()
    with pytest.raises(Cancelled):
        unwanted.result(DEADLINE)
    with pytest.raises(EngineCrashed):
        wanted.result(DEADLINE)
    assert children() == []


def test_closing_ends_all_requests_at_once(bench: Bench) -> None:
    futures = [bench.at_work("a"), bench.queued("b"), bench.queued("c")]
    bench.hosts.close()
    for future in futures:
        with pytest.raises(EngineCrashed):
            future.result(DEADLINE)
    assert children() == []
