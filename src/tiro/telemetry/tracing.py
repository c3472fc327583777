"""Spans: what took how long, within what. A port, and next to nothing where no adapter is installed.

Attributes hold ids, names from the code, counts and codes; never text, names of files or secrets. A context
crosses processes as a W3C ``traceparent``; within one it follows the thread or task, as context variables
do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, Self

from tiro.errors import TiroError

Attribute = str | bool | int | float

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class SpanKind(Enum):
    """What a span is to those around it."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    PRODUCER = auto()
    CONSUMER = auto()


class Span(Protocol):
    """Something that goes on."""

    @property
    def traceparent(self) -> str:
        """Its context, for what it causes elsewhere."""
        ...

    def rename(self, name: str) -> None: ...

    def set(self, **attributes: Attribute) -> None:
        """Note more of it; the adapter gives the names their prefix."""
        ...

    def fail(self, code: str) -> None:
        """It did not go well."""
        ...

    def end(self, at: float | None = None) -> None:
        """It is over, or was at ``at`` (seconds since 1970)."""
        ...


class Tracer(Protocol):
    """Keeps spans. Never waits, never fails."""

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: str | None,
        links: Sequence[str],
        at: float | None,
    ) -> Span:
        """Begin a span now, or at ``at`` (seconds since 1970)."""
        ...

    def close(self) -> None:
        """Hand over what is left, as far as that goes in a moment."""
        ...


class _Nothing:
    """The span where nobody looks."""

    traceparent = ""

    def rename(self, name: str) -> None: ...

    def set(self, **attributes: Attribute) -> None: ...

    def fail(self, code: str) -> None: ...

    def end(self, at: float | None = None) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_NOTHING = _Nothing()
_tracer: Tracer | None = None
_current: ContextVar[str | None] = ContextVar("tiro.traceparent", default=None)


def install(tracer: Tracer | None) -> None:
    """Keep spans from now on; None: no more."""
    global _tracer  # noqa: PLW0603 (one a process, as for loggers)
    _tracer = tracer


def on() -> bool:
    return _tracer is not None


def traceparent() -> str | None:
    """The context that goes on here, for what crosses to another process; None where there is none."""
    return _current.get()


def trace_id() -> str | None:
    """The trace that this belongs to."""
    current = _current.get()
    return current.split("-")[1] if current else None


def nothing() -> AbstractContextManager[Span]:
    """A span that nobody sees."""
    return _NOTHING


def known(text: str | None) -> str | None:
    """The text, if it is a traceparent."""
    return text if text and _TRACEPARENT.fullmatch(text) else None


def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    links: Sequence[str] = (),
    **attributes: Attribute,
) -> AbstractContextManager[Span]:
    """A span that lasts as long as its block, within ``parent`` or else what goes on here. An error that
    leaves the block is noted by its code.

    Args:
        links: traceparents of others that it has to do with.
    """
    tracer = _tracer
    if tracer is None:
        return _NOTHING
    return _during(tracer.start(name, kind, parent or _current.get(), links, None), attributes)


def record(name: str, began: float, seconds: float, *, links: Sequence[str] = (), **more: Attribute) -> None:
    """A span that is over already, within what goes on here. ``began`` is in seconds since 1970."""
    tracer = _tracer
    if tracer is not None:
        done = tracer.start(name, SpanKind.INTERNAL, _current.get(), links, began)
        done.set(**more)
        done.end(began + seconds)


@contextmanager
def _during(one: Span, attributes: dict[str, Attribute]) -> Iterator[Span]:
    one.set(**attributes)
    token = _current.set(one.traceparent)
    try:
        yield one
    except BaseException as error:
        one.fail(error.code if isinstance(error, TiroError) else type(error).__name__)
        raise
    finally:
        _current.reset(token)
        one.end()
