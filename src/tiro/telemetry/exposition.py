"""Metrics as Prometheus reads them: as text, and served on a port of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import structlog

from tiro.errors import AddressInUse
from tiro.telemetry.instruments import Counts, Kind, Reading, Source
from tiro.telemetry.metrics import CATALOGUE

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def render(sources: Iterable[Source] = ()) -> bytes:
    """All that this process counts, and what ``sources`` know beside it, as text of ``MEDIA_TYPE``."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.platform_collector import PlatformCollector
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import Collector

    class Readings(Collector):
        def collect(self) -> Iterator[Family]:
            for source in (CATALOGUE.readings, *sources):
                yield from map(_family, source())

    # Registering asks a collector once for its names, unless they need not be known.
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(Readings())
    return generate_latest(registry)


def _family(reading: Reading) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    metric = reading.metric
    match metric.kind:
        case Kind.COUNTER:
            counter = CounterMetricFamily(
                metric.name.removesuffix("_total"), metric.meaning, labels=metric.labels
            )
            for labels, value in reading.values.items():
                assert isinstance(value, int | float)
                counter.add_metric(labels, value)
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in reading.values.items():
                assert isinstance(value, int | float)
                gauge.add_metric(labels, value)
            return gauge
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in reading.values.items():
                assert isinstance(value, Counts)
                bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
                histogram.add_metric(labels, list(zip(bounds, value.upto, strict=True)), value.total)
            return histogram


@contextmanager
def serve_metrics(host: str, port: int, text: Callable[[], bytes] = render) -> Iterator[int | None]:
    """Serve ``text`` at ``/metrics`` to whoever reaches ``host:port``, from a thread of its own, while the
    block lasts. Gives the port, or None where ``port`` is 0 and nothing is served.

    Raises:
        AddressInUse
    """
    if port == 0:
        yield None
        return
    with listening(host, port, text) as found:
        yield found


@contextmanager
def listening(host: str, port: int, text: Callable[[], bytes]) -> Iterator[int]:
    """As ``serve_metrics``, but port 0 takes a free one."""
    try:
        server = _Server((host, port), text)
    except OSError as err:
        raise AddressInUse(
            f"Metrics cannot be served on {host}:{port}: {err.strerror}. Change TIRO_METRICS_PORT."
        ) from err
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], text: Callable[[], bytes]) -> None:
        self.text = text
        if ":" in address[0]:
            import socket

            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that hangs up is no event, and a traceback on standard error no log line."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        try:
            body = self.server.text()
        except Exception as error:  # noqa: BLE001 (the edge of a connection: the scraper sees that it failed)
            _log.warning("metrics.not_read", error=type(error).__name__)
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "tiro"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """A line for each scrape would be noise."""
