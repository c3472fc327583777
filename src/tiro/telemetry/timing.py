"""A step that is timed for a metric and shown as a span."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tiro.telemetry import tracing
from tiro.telemetry.instruments import Histogram


@contextmanager
def timed(histogram: Histogram, name: str, step: str) -> Iterator[tracing.Span]:
    """A span ``name.step`` that lasts as long as the block, which counts under ``step`` however it ends."""
    began = time.monotonic()
    try:
        with tracing.span(f"{name}.{step}") as span:
            yield span
    finally:
        histogram.observe(time.monotonic() - began, step)
