"""Logs: event names with key words on standard error; never transcript text, never secrets."""

from __future__ import annotations

import logging
import sys

import structlog

_level = logging.WARNING


def level() -> int:
    """The least level that is shown, as ``logging`` counts them."""
    return _level


def configure(level: str, style: str) -> None:
    """Set up structlog and the standard library's loggers alike.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``json``, ``text``, or ``auto``: text on a terminal, JSON elsewhere.
    """
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    global _level  # noqa: PLW0603 (as the loggers' own)
    _level = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        # Plain tracebacks: the pretty ones show local variables, and among those are keys and text.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # Theirs also say which library speaks; ours say it in the event's name.
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _one_line],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=max(_level, logging.WARNING), handlers=[handler], force=True)
    # That a connection died is an answer to whoever had it; its pool would add a traceback for each.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def _one_line(
    _logger: structlog.typing.WrappedLogger, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Libraries log sentences of many lines, and what others sent: a line of the log stays one line."""
    said = str(event["event"])
    event["event"] = "".join(char if char.isprintable() else " " for char in said)
    return event
