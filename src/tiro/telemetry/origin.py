"""Where work comes from: the request that asked for it, carried in the job's row from process to process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from tiro.telemetry import tracing

Origin = dict[str, str]
"""``request_id`` and ``traceparent``, each where there is one."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def well_formed(request_id: str | None) -> str | None:
    """The id, if it can stand in a log line as it is."""
    return request_id if request_id and _REQUEST_ID.fullmatch(request_id) else None


def current() -> Origin:
    """What goes on here, to be written down beside what it causes."""
    found = {
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "traceparent": tracing.traceparent(),
    }
    return {name: value for name, value in found.items() if value}


@contextmanager
def continued(origin: Mapping[str, Any] | None, **ids: Any) -> Iterator[None]:
    """Bind what ``current`` gave elsewhere, with more ``ids``, to the log lines of this block."""
    request_id = (origin or {}).get("request_id")
    known = {"request_id": request_id} if request_id else {}
    if caused := parent(origin):
        known["trace_id"] = caused.split("-")[1]
    with structlog.contextvars.bound_contextvars(**known, **ids):
        yield


def parent(origin: Mapping[str, Any] | None) -> str | None:
    """The span that caused what has this origin."""
    return tracing.known((origin or {}).get("traceparent"))
