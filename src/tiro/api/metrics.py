"""Prometheus metrics of a server: what the rows say, and what its process counts."""

from __future__ import annotations

from tiro.bootstrap.metrics import sources_of
from tiro.bootstrap.server import Runtime
from tiro.telemetry import exposition

MEDIA_TYPE = exposition.MEDIA_TYPE


def render(runtime: Runtime) -> bytes:
    """The metrics as text of ``MEDIA_TYPE``."""
    return exposition.render(sources_of(runtime))
