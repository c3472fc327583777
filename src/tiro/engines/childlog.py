"""The log of an engine host's child: its lines go to the parent, who knows whose requests they are about.

Only Tiro's own lines go. What libraries say stays on standard error: they may say what they heard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

request: ContextVar[int] = ContextVar("request", default=0)
"""The number of the request that this thread works on; 0 is the loading of the engine."""

Tell = Callable[[int, str, str, dict[str, Any]], None]
"""Sends a request's number, a level, an event and its fields."""

_own = logging.getLogger("tiro")


class _Handler(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        self._tell(request.get(), record.levelname.lower(), record.getMessage(), fields)


def configure(level: int, tell: Tell) -> None:
    """Let all loggers of Tiro speak to ``tell``, from ``level`` on."""
    _own.setLevel(level)
    _own.handlers = [_Handler(tell)]
    _own.propagate = False


def line(level: int, event: str, **fields: Any) -> None:
    """A line about the request that this thread works on. As structlog's, which takes longer to import than
    all else that a child does at its start."""
    _own.log(level, event, extra={"fields": fields})
