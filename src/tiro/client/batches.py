"""Batches on a Tiro server, from Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tiro.client import answers
from tiro.client.answers import Batch
from tiro.client.transport import Transport
from tiro.kit.ids import uuid7

_BATCHES = "/api/v1/batches"
_PAGE = 1000
_POLL_SECONDS = 0.5


def make(transport: Transport, title: str | None) -> Batch:
    """An empty batch."""
    answer = transport.call(
        "POST",
        _BATCHES,
        safe=True,
        headers={"Idempotency-Key": str(uuid7())},
        files={"title": (None, title or "")},  # as a file without a name, that the form is a multipart one
    )
    return answers.batch(answer.json())


def get(transport: Transport, batch_id: str, *, files: bool) -> Batch:
    """The batch, with all its files or none."""
    body: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    while True:
        asked = {"limit": _PAGE if files else 0, "offset": len(found)}
        body = transport.call("GET", f"{_BATCHES}/{batch_id}", params=asked).json()
        found += body["files"]
        if len(body["files"]) < _PAGE:
            return answers.batch(body, found)


def page(transport: Transport, limit: int, offset: int) -> tuple[Batch, ...]:
    body = transport.call("GET", _BATCHES, params={"limit": limit, "offset": offset}).json()
    return tuple(answers.batch(item) for item in body["items"])


def wait(
    transport: Transport, batch_id: str, timeout: float | None, on_progress: Callable[[Batch], None] | None
) -> Batch:
    """Raises TimeoutError where it has not ended after ``timeout`` seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        batch = get(transport, batch_id, files=False)
        if on_progress is not None:
            on_progress(batch)
        if batch.status in answers.ENDED or not batch.total:
            return get(transport, batch_id, files=True)
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("The batch has not ended in time.")
        time.sleep(_POLL_SECONDS)


def cancel(transport: Transport, batch_id: str) -> Batch:
    return answers.batch(transport.call("POST", f"{_BATCHES}/{batch_id}/cancel").json())
