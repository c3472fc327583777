"""Go on with another engine where a remote one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog

from tiro.engines.base import Capabilities, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import Resolved
from tiro.errors import (
    QuotaExceeded,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
    TiroError,
)
from tiro.features.transcription.wishes import lost
from tiro.speech.pieces import pieces
from tiro.speech.timeline import Timeline
from tiro.speech.types import SAMPLE_RATE, EnginePart, Notice, Segment, Span, Window

REMOTE_FAILURES = (RemoteUnavailable, RemoteUnauthorized, QuotaExceeded, RemoteRefused, RemoteNonsense)
"""What another server, or none, would do better. A wrong option is the caller's to mend on any engine."""

_log = structlog.get_logger(__name__)


class EitherStop(threading.Event):
    """Set once one of several events is. Nobody can wait for it; those who use it look now and then."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


@dataclass(frozen=True, slots=True)
class _Local:
    resolved: Resolved
    capabilities: Capabilities


class Fallback:
    """The engine of the windows from the first on that the remote one failed at. Thread-safe.

    Args:
        engine: finds it when it is needed; None: there is none, and failures stay failures.
        request: what is asked of it: language, task and wishes; no audio.

    Attributes:
        taken: set once windows go to the fallback. What the remote engine still works on is then cut short.
    """

    def __init__(
        self,
        hosts: EngineHosts,
        engine: Callable[[], Resolved] | None,
        request: TranscribeRequest,
        stop: threading.Event,
    ) -> None:
        self.taken = threading.Event()
        self._hosts = hosts
        self._engine = engine
        self._request = request
        self._stop = stop
        self._lock = threading.Lock()
        self._local: _Local | None = None
        self._cause: TiroError = RemoteUnavailable("An earlier attempt found it so.")

    @property
    def remote_stop(self) -> threading.Event:
        """Ends what the remote engine works on: when the run stops, or the fallback has taken over."""
        return self._stop if self._engine is None else EitherStop(self._stop, self.taken)

    def take(self, cause: TiroError | None = None) -> None:
        """Go over to the fallback; ``cause`` is None where an earlier attempt did.

        Raises:
            TiroError: the cause, where there is no fallback, or it cannot do what is asked either.
        """
        with self._lock:
            if self.taken.is_set():
                return
            self._cause = cause or self._cause
            if self._engine is None:
                raise self._cause
            try:
                resolved = self._engine()
                capabilities = self._hosts.capabilities(resolved.spec, self._stop)
            except TiroError as err:
                raise self._cause from err
            if not _suits(capabilities, self._request):
                raise self._cause
            self._local = _Local(resolved, capabilities)
            self.taken.set()
        _log.warning("engine.fallback", engine=str(resolved.spec), code=self._cause.code)

    def transcribe(self, window: Window, request: TranscribeRequest) -> tuple[str, list[Segment]]:
        """The name of the engine, and the window's segments in the time of its audio. Only once ``taken``.

        Raises:
            TiroError: the cause, where the language that was detected is none of the fallback's.
        """
        assert self._local is not None
        spec, capabilities = self._local.resolved.spec, self._local.capabilities
        if not _knows(capabilities, request.language):
            raise self._cause
        request = replace(request, decoding=request.decoding.heeded(capabilities.heeds))
        timeline = Timeline(window)
        spans = [Span(timeline.in_audio(span.start), timeline.in_audio(span.end)) for span in window.spans]
        heard: list[Segment] = []
        for piece in pieces(request.audio, spans, capabilities.max_window):
            audio = request.audio[round(piece.start * SAMPLE_RATE) : round(piece.end * SAMPLE_RATE)]
            found = self._hosts.transcribe(spec, replace(request, audio=audio), self._stop)
            heard.extend(_moved(segment, piece.start) for segment in found)
        return str(spec), heard

    def models(self) -> dict[str, str]:
        """For ``Transcript.models``; empty where the fallback was not needed."""
        if self._local is None:
            return {}
        return {self._local.resolved.spec.name: self._local.capabilities.model}

    def notices(self, parts: Iterable[EnginePart]) -> list[Notice]:
        """What the reader must know of it; none where it was not needed."""
        if self._local is None:
            return []
        resolved, capabilities = self._local.resolved, self._local.capabilities
        begins = min((part.start for part in parts if part.engine == str(resolved.spec)), default=0.0)
        cannot = " and ".join(lost(self._request.decoding, capabilities))
        text = (
            f"The remote speech server failed, so from {int(begins // 60)}:{int(begins % 60):02d} on the "
            f"text was made by '{resolved.spec}' on this machine"
            f"{f', which cannot {cannot}' if cannot else ''}. "
            f"What went wrong: {self._cause.message}"
        )
        own = [resolved.notice] if resolved.notice else []
        if capabilities.notice and not own:
            own.append(Notice("engine_notice", capabilities.notice))
        return [Notice("engine_changed", text), *own]


def _suits(capabilities: Capabilities, request: TranscribeRequest) -> bool:
    translates = capabilities.translates or request.task != "translate"
    return translates and _knows(capabilities, request.language)


def _knows(capabilities: Capabilities, language: str | None) -> bool:
    return language is None or not capabilities.languages or language in capabilities.languages


def _moved(segment: Segment, seconds: float) -> Segment:
    words = tuple(replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words)
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)
