"""What a server lets be seen: a request in its log, traces and metrics, from the door to the engine's child.

S15: no secret and no transcript in them, whatever the log's style, and nothing that steers a terminal.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from tests.collector import Collector, collector
from tests.databases import address_of
from tests.makecall import wav
from tests.ports import free_port
from tests.receiver import receiving
from tests.serving import ServerProcess, server_process, wait_until

from tiro.db.session import Database
from tiro.telemetry.metrics import CATALOGUE

OURS = "from-the.browser_1"
CALLER = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
NAME = "my-diagnosis.wav"


@dataclass
class Watched:
    """A server whose log, traces and metrics are looked at; ``metrics`` is the address of these."""

    style: str
    server: ServerProcess
    collector: Collector
    metrics: str
    hook: str


@pytest.fixture(scope="module", params=["json", pytest.param("text", marks=pytest.mark.slow)])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A process, for only one has a log; the tests of a style share it."""
    settings = {
        "log_format": request.param,
        "log_level": "debug",
        "metrics_port": str(port := free_port()),
        "egress_allow": "127.0.0.1",
        "http_proxies": "127.0.0.1",
    }
    data = tmp_path_factory.mktemp("data") / "data"
    with (
        collector() as spans,
        receiving() as hook,
        server_process(data, traces_endpoint=spans.address, **settings) as server,
    ):
        yield Watched(request.param, server, spans, f"http://127.0.0.1:{port}/metrics", hook.url)


@pytest.fixture
def server(watched: Watched) -> ServerProcess:
    return watched.server


@dataclass
class Seen(Watched):
    """After one recording went through it."""

    session: dict[str, Any]

    def line(self, event: str, **more: object) -> dict[str, Any]:
        """The first line of the log that is like this."""

        def look() -> dict[str, Any] | None:
            # What the command line says to whoever starts it is no line of the log.
            said = (line for line in self.server.log().splitlines() if not line.startswith("tiro: "))
            lines = map(json.loads, said)
            return next((x for x in lines if x["event"] == event and more.items() <= x.items()), None)

        return dict(wait_until(look, what=f"{event} in the log"))


@pytest.fixture(scope="module")
def seen(watched: Watched) -> Seen:
    client = watched.server.client
    client.post("/api/v1/webhooks", json={"url": watched.hook}).raise_for_status()
    headers = {"X-Request-ID": OURS, "traceparent": CALLER}
    answer = client.send_file(NAME, wav(5), wait=30, headers=headers)
    assert answer.headers["X-Request-ID"] == OURS
    return Seen(**vars(watched), session=answer.json())


def test_one_request_id_from_the_door_to_the_engines_child(seen: Seen) -> None:
    if seen.style != "json":
        pytest.skip("this looks into lines of JSON")
    request = seen.line("http.request", request_id=OURS)
    assert request["path"].startswith("/api/v1/transcribe")
    accepted = seen.line("recording.accepted", request_id=OURS)
    assert accepted["recording_id"] == seen.session["session_id"]
    job = seen.line("job.completed", request_id=OURS)
    assert job["recording_id"] == seen.session["session_id"]
    window = seen.line("engine.window", request_id=OURS)
    assert window["job_id"] == job["job_id"]
    assert window["host"] != seen.server.process.pid
    assert seen.line("engine.loaded")["request_id"] == OURS
    assert seen.line("decoder.ended", job_id=job["job_id"])["request_id"] == OURS
    assert {request["trace_id"], job["trace_id"], window["trace_id"]} == {CALLER.split("-")[1]}


@pytest.mark.parametrize("sent", ["x" * 65, "a b", "a\tb", "-", "ä", ""])
def test_a_request_id_that_could_spoil_the_log_is_replaced(seen: Seen, sent: str) -> None:
    answer = seen.server.client.get("/live", headers={"X-Request-ID": sent.encode()})
    made = answer.headers["X-Request-ID"]
    assert made != sent
    assert len(made) == 32


def test_one_trace_from_the_request_to_the_engines_child(seen: Seen) -> None:
    trace, caller = CALLER.split("-")[1:3]
    spans = seen.collector
    names = {
        "POST /api/v1/transcribe",
        "door.receive",
        "door.probe",
        "door.commit",
        "storage.commit",
        "job",
        "storage.fetch",
        "stage.probe",
        "stage.model",
        "stage.transcribe",
        "engine.load",
        "engine.request",
        "engine.work",
        "webhook.deliver",
    }
    wait_until(lambda: all(spans.named(name, trace) for name in names), what="the whole trace")
    request = spans.named("POST /api/v1/transcribe", trace)[0]
    assert request.parent == caller
    assert request.attributes["http.route"] == "/api/v1/transcribe"
    assert request.attributes["http.response.status_code"] in {200, 202}
    job = spans.named("job", trace)[0]
    commit = spans.named("door.commit", trace)[0]
    assert commit.parent == request.id
    assert job.parent == commit.id
    assert job.attributes["tiro.recording_id"] == seen.session["session_id"]
    stage = spans.named("stage.transcribe", trace)[0]
    assert stage.parent == job.id
    window = next(span for span in spans.named("engine.request", trace) if span.parent == stage.id)
    work = next(span for span in spans.named("engine.work", trace) if span.parent == window.id)
    assert work.attributes["tiro.host"] != seen.server.process.pid
    assert 0 <= work.seconds <= window.seconds
    assert any(span.parent == job.id or span.parent for span in spans.named("webhook.deliver", trace))
    assert not any(span.failed for span in spans.spans if span.trace == trace)


def test_no_trace_and_no_line_says_what_was_said_or_what_opens_something(seen: Seen) -> None:
    wait_until(lambda: seen.collector.named("job"), what="spans")
    said = seen.session["transcript"]["segments"][0]["text"]
    key = (seen.server.data / "key").read_text().strip()
    for told in (seen.server.log(), str(seen.collector.spans), seen.server.client.get(seen.metrics).text):
        for secret in (said, key, "my-diagnosis"):
            assert secret not in told


def test_metrics_on_a_port_of_their_own(seen: Seen) -> None:
    client = seen.server.client
    answer = client.get(seen.metrics, headers={"Authorization": ""})
    assert client.get(seen.metrics.replace("/metrics", "/other")).status_code == 404
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return samples[name, frozenset(labels.items())]

    assert value("tiro_jobs_ended_total", state="completed", code="") == 1
    assert value("tiro_stage_duration_seconds_count", stage="transcribe") == 1
    assert value("tiro_realtime_factor_count", engine="echo") == 1
    assert value("tiro_door_duration_seconds_count", step="commit") == 1
    assert value("tiro_job_wait_seconds_count", queue="cpu", priority="normal") == 1
    assert value("tiro_job_duration_seconds_count", outcome="completed") == 1
    assert value("tiro_upload_bytes_total") == len(wav(5))
    answered = {"method": "POST", "route": "/api/v1/transcribe", "status": "2xx"}
    assert value("tiro_http_request_duration_seconds_count", **answered) == 1
    assert value("tiro_engine_batch_windows_count", engine="echo") >= 1
    assert value("tiro_engine_load_seconds_count", engine="echo") == 1
    assert value("tiro_queue_age_seconds", queue="cpu", priority="normal") == 0
    assert value("tiro_decoder_duration_seconds_count") == 2
    assert value("tiro_database_up") == 1
    assert value("tiro_http_requests_open") == 0
    assert value("tiro_worker_jobs") == 0


def test_every_metric_is_in_the_catalogue(seen: Seen) -> None:
    """What dashboards, alerts and the reference name is what there is, labels and all."""
    known = {metric.name: metric for metric in CATALOGUE.metrics}
    answer = seen.server.client.get(seen.metrics)
    shown = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {name for name in shown if name.startswith("tiro_")} <= {n.removesuffix("_total") for n in known}
    for name, metric in known.items():
        family = shown[name.removesuffix("_total")]
        assert family.type == metric.kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)


def test_a_path_cannot_steer_the_terminal(server: ServerProcess) -> None:
    assert server.client.get("/b%1b%5b2J%0d%0aforged").status_code == 404
    # The line is written after the answer has gone out.
    wait_until(lambda: "forged" in server.log(), what="the request in the log")
    assert "\x1b[2J" not in server.log()
    assert not any(line.startswith("forged") for line in server.log().splitlines())


def test_a_crash_tells_the_log_no_secret(server: ServerProcess) -> None:
    key = (server.data / "key").read_text().strip()
    done = server.client.send_file("call.wav", wav(5), wait=30).json()
    said = done["transcript"]["segments"][0]["text"]
    engine = Database(address_of(server.data)).engine
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE recordings RENAME TO gone"))
    answer = server.client.get("/api/v1/transcribe")
    assert answer.status_code in {500, 503}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO recordings"))
    engine.dispose()
    log = server.log()
    assert "request.crashed" in log
    assert key not in log
    assert said not in log


def test_a_sender_that_hangs_up_is_no_crash_of_ours(server: ServerProcess) -> None:
    """The last here: it stops the server, to see all of its log."""
    before = len(server.log())
    key = (server.data / "key").read_text().strip()
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            f"POST /api/v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nRIFF'.encode()
        )
    assert server.client.get("/live").status_code == 200
    server.stop()
    log = server.log()[before:]
    assert "crashed" not in log
    assert "Traceback" not in log
    assert not list((server.data / "incoming").iterdir())
