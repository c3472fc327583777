"""Prometheus metrics of a server: what the rows say, and what its process counts."""

from __future__ import annotations

from tiro.bootstrap.metrics import process_readings, row_readings
from tiro.bootstrap.server import Runtime
from tiro.telemetry import exposition

MEDIA_TYPE = exposition.MEDIA_TYPE


def render(runtime: Runtime) -> bytes:
    """The metrics as text of ``MEDIA_TYPE``."""
    return exposition.render(
        [
            row_readings(runtime.database, runtime.jobs, runtime.counters, runtime.webhooks),
            process_readings(runtime.database, runtime.speech.hosts, runtime.settings.data),
        ]
    )
