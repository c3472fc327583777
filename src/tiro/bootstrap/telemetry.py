"""What the settings say of traces and metrics, for as long as a process works."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog

import tiro
from tiro.errors import MissingExtra
from tiro.settings import Settings
from tiro.telemetry import tracing
from tiro.telemetry.exposition import render, serve_metrics
from tiro.telemetry.instruments import Source
from tiro.telemetry.otlp import OtlpTracer

_log = structlog.get_logger(__name__)

_OTEL = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def watched(settings: Settings, role: str, sources: Iterable[Source] = ()) -> Iterator[int | None]:
    """Keep traces, and serve metrics on their port, while the block lasts, where the settings say so.

    Args:
        role: what the process is, such as ``worker``.
        sources: who knows readings beside what the process counts.

    Gives the port of the metrics, or None.

    Raises:
        AddressInUse: another program has the port.
        MissingExtra: traces are wanted, and OpenTelemetry is not installed.
    """
    sources = tuple(sources)
    with (
        _traced(settings, role),
        serve_metrics(settings.metrics.host, settings.metrics.port, lambda: render(sources)) as port,
    ):
        yield port


@contextmanager
def _traced(settings: Settings, role: str) -> Iterator[None]:
    tracer = _tracer(settings.traces.endpoint, role)
    if tracer is None:
        yield
        return
    tracing.install(tracer)
    try:
        yield
    finally:
        tracing.install(None)
        tracer.close()


def _tracer(endpoint: str | None, role: str) -> OtlpTracer | None:
    if endpoint is None and not any(map(os.environ.get, _OTEL)):
        return None
    try:
        return OtlpTracer(endpoint, version=tiro.__version__, role=role)
    except MissingExtra as error:
        if endpoint is not None:
            raise
        # That variable speaks to all programs of a machine, and need not mean this one.
        _log.warning("traces.off", detail=error.message)
        return None
