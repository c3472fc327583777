"""Metrics, spans and where work comes from, by themselves."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.collector import Collector, collector
from tests.serving import wait_until

from tiro import logs
from tiro.bootstrap.telemetry import watched
from tiro.errors import AddressInUse, MissingExtra, NoAudio
from tiro.settings import Settings
from tiro.telemetry import exposition, origin, otlp, tracing
from tiro.telemetry.instruments import Catalogue, Counts, Kind, Reading

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
OTHER = "00-1123456789abcdef0123456789abcdef-1123456789abcdef-01"


@pytest.fixture
def spans() -> Iterator[Collector]:
    """Spans go to a collector of the test's own."""
    with collector() as running:
        tracer = otlp.OtlpTracer(running.address, version="1", role="test", seconds=0.05)
        tracing.install(tracer)
        try:
            yield running
        finally:
            tracing.install(None)
            tracer.close()


# --- metrics --------------------------------------------------------------------------------------


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    histogram = Catalogue().histogram("h", "", "kind", bounds=(1, 2))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value, "a")
    assert histogram.reading().values == {("a",): Counts((1, 2), (2, 3, 4), 12.0)}


def test_many_threads_lose_no_count() -> None:
    catalogue = Catalogue()
    counter, gauge = catalogue.counter("c", "", "label"), catalogue.gauge("g", "")
    histogram = catalogue.histogram("h", "", bounds=(1,))

    def count() -> None:
        for _ in range(2000):
            counter.add("x")
            histogram.observe(0.5)
            with gauge.held():
                pass

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.reading().values == {("x",): 8000}
    assert gauge.reading().values == {(): 0}
    assert histogram.reading().values == {(): Counts((1,), (8000, 8000), 4000.0)}


def test_readings_become_text_that_prometheus_reads() -> None:
    catalogue = Catalogue()
    metric = catalogue.rows("tiro_x_total", Kind.COUNTER, "Some.", "who")
    text = exposition.render([lambda: [Reading(metric, {('a"\\\n',): 3})]]).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    [sample] = found["tiro_x"].samples
    assert (sample.name, sample.labels, sample.value) == ("tiro_x_total", {"who": 'a"\\\n'}, 3)
    assert found["tiro_leases_lost"].samples[0].value >= 0  # there before the first one is lost


def test_a_scrape_that_fails_is_said_and_the_next_one_works() -> None:
    answers = iter([RuntimeError("boom"), b"x 1\n"])

    def text() -> bytes:
        if isinstance(answer := next(answers), RuntimeError):
            raise answer
        return answer

    with exposition.listening("127.0.0.1", 0, text) as port, httpx.Client(trust_env=False) as client:
        failed = client.get(f"http://127.0.0.1:{port}/metrics")
        assert failed.status_code == 500
        assert "boom" not in failed.text
        assert client.get(f"http://127.0.0.1:{port}/metrics").content == b"x 1\n"
        with pytest.raises(AddressInUse), exposition.listening("127.0.0.1", port, text):
            pass


# --- spans ----------------------------------------------------------------------------------------


def test_spans_nest_and_follow_a_context_into_another_thread(spans: Collector) -> None:
    def elsewhere() -> None:
        with tracing.span("inner", answer=42):
            tracing.record("done", 1000.0, 2.0, links=[OTHER])

    with tracing.span("outer", parent=PARENT, links=[OTHER]):
        here = tracing.traceparent()
        thread = threading.Thread(target=copy_context().run, args=(elsewhere,))
        thread.start()
        thread.join()
    assert tracing.traceparent() is None
    wait_until(lambda: len(spans.spans) == 3, what="the spans")
    [outer], [inner], [done] = (spans.named(name) for name in ("outer", "inner", "done"))
    assert {span.trace for span in spans.spans} == {PARENT.split("-")[1]}
    assert (outer.parent, inner.parent, done.parent) == (PARENT.split("-")[2], outer.id, inner.id)
    assert here is not None
    assert here.split("-")[2] == outer.id
    assert outer.links == done.links == (OTHER.split("-")[2],)
    assert inner.attributes == {"tiro.answer": 42}
    assert done.seconds == 2.0


def test_an_error_is_noted_by_its_code_and_not_its_words(spans: Collector) -> None:
    with pytest.raises(NoAudio), tracing.span("fails"):
        raise NoAudio("what is in the file")
    wait_until(lambda: spans.spans, what="the span")
    [span] = spans.spans
    assert span.failed
    assert span.attributes == {"error.type": "no_audio"}
    assert "what is in the file" not in str(span)


def test_a_collector_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this ends while the collector still has not answered the first batch."""
    monkeypatch.setattr(otlp, "_CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(otlp, "_TRY_SECONDS", 60.0)  # that a try has an end is not what saves us here
    with collector() as running:
        running.hangs = threading.Event()
        tracer = otlp.OtlpTracer(running.address, version="1", role="test", queue=64, seconds=0.01)
        for _ in range(64):
            tracer.start("one", tracing.SpanKind.INTERNAL, None, (), None).end()
        assert running.asked.wait(60)
        for _ in range(1000):
            tracer.start("more", tracing.SpanKind.INTERNAL, None, (), None).end()
        tracer.close()
        assert not running.spans
        assert not running.hangs.is_set()


def test_a_collector_that_is_away_is_told_once() -> None:
    from opentelemetry.sdk.trace.export import SpanExportResult

    outcomes = [SpanExportResult.FAILURE, SpanExportResult.FAILURE, SpanExportResult.SUCCESS]

    class Exporter:
        def export(self, spans: Sequence[object]) -> SpanExportResult:
            return outcomes.pop(0)

    lines: list[str] = []

    class Log:
        def warning(self, event: str, **_: object) -> None:
            lines.append(event)

        info = warning

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp, "_log", Log())
        told = otlp.told(Exporter())  # type: ignore[arg-type]
        for _ in range(3):
            told.export([])
    assert lines == ["traces.not_sent", "traces.sent_again"]


def test_where_nobody_looks_a_span_is_nothing() -> None:
    with tracing.span("x", a=1) as span:
        span.set(b=2)
        tracing.record("y", 0.0, 1.0)
        assert tracing.traceparent() is None
    assert span is tracing.nothing()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "x",
        PARENT.upper(),
        PARENT + "-00",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-0123456789abcdef-01",
        f"00-0123456789abcdef0123456789abcdef-{'0' * 16}-01",
        PARENT + "\n",
    ],
)
def test_what_is_no_traceparent_is_none(text: str | None) -> None:
    assert tracing.known(text) is None


def test_an_address_for_traces_without_the_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = Settings(_env_file=None, traces={"endpoint": "http://127.0.0.1:1"})  # type: ignore[arg-type,call-arg]
    with pytest.raises(MissingExtra, match=r"tiro\[telemetry\]"), watched(settings, "test"):
        pass
    # The environment's own variable may be meant for another program.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with watched(Settings(_env_file=None), "test") as port:  # type: ignore[call-arg]
        assert port is None
        assert not tracing.on()


def test_opentelemetrys_own_variable_turns_traces_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.address)
        with watched(Settings(_env_file=None), "test"), tracing.span("x"):  # type: ignore[call-arg]
            pass
        assert [span.name for span in running.spans] == ["x"]  # the last spans are sent at the end
    assert not tracing.on()


# --- where work comes from, and lines -------------------------------------------------------------


def test_an_origin_goes_on_elsewhere() -> None:
    import structlog

    kept = {"request_id": "abc", "traceparent": PARENT}
    with origin.continued(kept, job_id="7"):
        assert structlog.contextvars.get_contextvars() == {
            "request_id": "abc",
            "trace_id": PARENT.split("-")[1],
            "job_id": "7",
        }
        assert origin.current() == {"request_id": "abc"}
    assert origin.current() == {}
    assert origin.parent(kept) == PARENT
    assert origin.parent({"traceparent": "nonsense"}) is None
    with origin.continued(None):
        assert origin.current() == {}


@dataclass
class _Terminal:
    lines: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.lines += [line for line in text.splitlines() if line]

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    "name", ["uvicorn.error", "sqlalchemy.orm", "alembic.runtime.migration", "celery.worker", "redis"]
)
def test_lines_of_libraries_are_lines_of_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    try:
        with monkeypatch.context() as patch, origin.continued({"request_id": "abc"}):
            patch.setattr(sys, "stderr", shown)
            logs.configure("info", "json")
            logging.getLogger(name).warning("two\nlines \x1b[2J of %s", "it")
    finally:
        logs.configure("error", "text")
    [line] = map(json.loads, shown.lines)
    assert line | {"timestamp": ""} == {
        "event": "two lines  [2J of it",
        "level": "warning",
        "logger": name,
        "request_id": "abc",
        "timestamp": "",
    }
