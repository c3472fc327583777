"""Spans for OpenTelemetry, sent by OTLP over HTTP in the background.

What is not sent yet waits in a bounded queue, and is dropped where that is full: a collector that is away or
hangs costs spans, and nothing else. OpenTelemetry's own variables (``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_TRACES_SAMPLER``, ``OTEL_EXPORTER_OTLP_HEADERS`` …) are heeded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from tiro.errors import MissingExtra
from tiro.telemetry import metrics
from tiro.telemetry.tracing import Attribute, SpanKind

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import SpanContext

_log = structlog.get_logger(__name__)

_TRY_SECONDS = 5.0
"""Longest try to hand over a batch of spans."""

_CLOSE_SECONDS = 2.0
"""What the end of a process may wait for the last spans."""

_PATH = "/v1/traces"
_NAMES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "error": "error.type",
}


class OtlpSpan:
    """A span of OpenTelemetry as the port wants it."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: Attribute) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(_NAMES.get(name, f"tiro.{name}"), value)

    def fail(self, code: str) -> None:
        from opentelemetry.trace import StatusCode

        # Without the message: it may say what is in a file, or what it is called.
        self._span.set_status(StatusCode.ERROR)
        self.set(error=code)

    def end(self, at: float | None = None) -> None:
        self._span.end(None if at is None else round(at * 1e9))


class OtlpTracer:
    """Sends spans to a collector. Close it at the end.

    Args:
        endpoint: the collector, such as ``http://jaeger:4318``, or the whole address where it has a path;
            None: as OpenTelemetry's variables say.
        version: of Tiro, for the collector.
        role: what this process is, such as ``worker``.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """

    def __init__(
        self, endpoint: str | None, *, version: str, role: str, queue: int = 4096, seconds: float = 2.0
    ) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as err:
            raise MissingExtra(
                "Traces need packages that are not installed: pip install 'tiro[telemetry]'."
            ) from err
        # It would log each span that finds the queue full; an outage is told once, by `told`.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = Resource.create({"service.name": "tiro", "service.version": version, "tiro.role": role})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = told(OTLPSpanExporter(endpoint and _address(endpoint), timeout=_TRY_SECONDS))
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=queue,
                schedule_delay_millis=seconds * 1000,
                max_export_batch_size=min(512, queue),
            )
        )
        self._tracer = self._provider.get_tracer("tiro", version)

    def start(
        self, name: str, kind: SpanKind, parent: str | None, links: Sequence[str], at: float | None
    ) -> OtlpSpan:
        from opentelemetry import trace

        return OtlpSpan(
            self._tracer.start_span(
                name,
                _within(parent),
                getattr(trace.SpanKind, kind.name),
                links=[trace.Link(_context(link)) for link in links],
                start_time=None if at is None else round(at * 1e9),
            )
        )

    def close(self) -> None:
        # In a thread that nobody waits for: where the collector hangs, so does this.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


def _address(endpoint: str) -> str:
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + _PATH


def _within(parent: str | None) -> Context:
    """The context of ``parent``; an empty one where there is none, whatever else goes on in this thread."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    if parent is None:
        return Context()
    return set_span_in_context(NonRecordingSpan(_context(parent)), Context())


def _context(traceparent: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def told(exporter: SpanExporter) -> SpanExporter:
    """The exporter, with its outages in the log, once each, and its spans counted."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        _away = False

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            result = exporter.export(spans)
            failed = result is not SpanExportResult.SUCCESS
            metrics.SPANS.add("failed" if failed else "exported", amount=len(spans))
            if failed and not self._away:
                _log.warning("traces.not_sent", detail="the collector does not take spans; they are dropped")
            elif self._away and not failed:
                _log.info("traces.sent_again")
            self._away = failed
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Told()
