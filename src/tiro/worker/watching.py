"""A job as it is seen while a worker has it: in log lines, as a span, and in metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tiro.errors import TiroError
from tiro.features.jobs.service import Claim
from tiro.telemetry import metrics, origin, tracing

Outcome = Literal["completed", "failed", "cancelled", "handed_back", "lost"]


class Watched:
    """How a job ended for its worker."""

    def __init__(self, span: tracing.Span) -> None:
        self._span = span
        self.outcome: Outcome = "lost"

    def ended(self, outcome: Outcome, error: Exception | None = None) -> None:
        self.outcome = outcome
        self._span.set(outcome=outcome)
        if outcome == "failed":
            self._span.fail(error.code if isinstance(error, TiroError) else type(error).__name__)


@contextmanager
def watched(claim: Claim) -> Iterator[Watched]:
    """All lines of the block name the job and the request that asked for it, and so does its span."""
    ids: Any = {"job_id": claim.job_id, "recording_id": claim.recording_id, "attempt": claim.attempt}
    began = time.monotonic()
    with (
        origin.continued(claim.origin, **ids),
        metrics.WORKER_JOBS.held(),
        tracing.span(
            "job", kind=tracing.SpanKind.CONSUMER, parent=origin.parent(claim.origin), **ids
        ) as span,
    ):
        seen = Watched(span)
        try:
            yield seen
        finally:
            if seen.outcome == "lost":
                metrics.LEASES_LOST.add()
            metrics.JOB_SECONDS.observe(time.monotonic() - began, seen.outcome)
