"""The engine port: what an engine is, what it can do, and how it is found."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from tiro.errors import TiroError
from tiro.speech.types import Audio, Segment, Task


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine with its model can do; looked at before work starts.

    Attributes:
        model: name and version for the result's ``model_versions``.
        languages: ISO 639-1 codes that it knows; empty means any.
        detects_language: whether ``language=None`` is answered by detection.
        translates: whether ``task="translate"`` (to English) works.
        max_window: longest audio of one request, in seconds.
        join_gap: speech spans closer than this (seconds) belong in one window.
        longest_pause: seconds of silence that are left between two of them; None: all. For an engine to which
            a window costs the same however much of it is speech.
        parallel: how many hosts are worth running side by side on this machine.
        batch: requests that one host works on at once; more than 1 makes the engine a ``BatchEngine``.
        workers: batches that one host computes side by side, each of up to ``batch / workers`` requests.
        heeds: names of the ``DecodingOptions`` that have an effect.
        notice: a sentence that every result made with this engine must carry, or None.
    """

    model: str
    languages: frozenset[str] = frozenset()
    detects_language: bool = False
    translates: bool = False
    max_window: float = 30.0
    join_gap: float = 1.0
    longest_pause: float | None = None
    parallel: int = 1
    batch: int = 1
    workers: int = 1
    heeds: frozenset[str] = frozenset()
    notice: str | None = None

    @property
    def at_once(self) -> int:
        """Requests to send to one host without waiting: a batch, and the next one behind it."""
        return 2 * self.batch if self.batch > 1 else 1


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How an engine searches for the text; an engine heeds what its model has.

    Attributes:
        vocabulary: names and terms to be expected, most important first.
        prompt: text that could stand before the audio; its words and its style are taken up.
        beam: hypotheses that are kept side by side; 1 is greedy.
        temperatures: tried in this order until a result passes the quality limits; not empty. Above 0 tokens
            are drawn at random, from a seed that depends on the audio alone.
        word_times: whether words get times and probabilities. Without them a window is one segment.
    """

    vocabulary: tuple[str, ...] = ()
    prompt: str | None = None
    beam: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    word_times: bool = True

    def heeded(self, names: Set[str]) -> DecodingOptions:
        """Those of ``names`` as they are, the others at their defaults."""
        return DecodingOptions(**{name: getattr(self, name) for name in names})


DECODING = frozenset(field.name for field in fields(DecodingOptions))
"""The names of all ``DecodingOptions``."""


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """One window of speech: mono float32 at 16 kHz, not longer than ``max_window``.

    ``stop`` is set when nobody wants the result any more; an engine that works long between two segments
    looks at it and returns early.
    """

    audio: Audio
    language: str | None = None
    task: Task = "transcribe"
    stop: Event | None = None
    decoding: DecodingOptions = DecodingOptions()


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Which server the ``openai`` engine speaks to, and how long it waits for it.

    Attributes:
        url: base address such as ``http://host:8000/v1``; None means OpenAI's own where there is a key.
        key: sent as a bearer token; never shown.
        model: the server's name for the model, where a request names none.
        connect_seconds: longest wait for a connection.
        answer_seconds: longest time of one try, from sending to the end of the answer.
        window: longest audio of one upload, in seconds.
    """

    url: str | None = None
    key: str | None = field(default=None, repr=False)
    model: str = "whisper-1"
    connect_seconds: float = 10.0
    answer_seconds: float = 120.0
    window: float = 30.0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an adapter needs to load its model; the same for all adapters, each takes what concerns it.

    Attributes:
        models: folder that holds downloaded models.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: CTranslate2's name, or ``auto``.
        encoder: which library runs Whisper's encoder on a processor: ``auto`` measures once,
            ``ctranslate2`` or ``onnxruntime``.
        threads: processor threads for one host; 0 lets the adapter choose.
        download: whether a missing model may be fetched.
        hubs: where from, in this order; none means the usual one.
        converted: folder for models that were converted from another format; None: beside ``models``.
        remote: the server of the engine that works elsewhere.
    """

    models: Path
    device: str = "auto"
    compute_type: str = "auto"
    encoder: str = "auto"
    threads: int = 0
    download: bool = True
    hubs: tuple[str, ...] = ()
    converted: Path | None = None
    remote: RemoteOptions = RemoteOptions()

    @property
    def conversions(self) -> Path:
        return self.converted or self.models / ".converted"


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an engine can work here now, and if not, what a person can do about it.

    ``downloadable`` is true where only the model is missing and could be fetched.
    """

    ready: bool
    detail: str
    downloadable: bool = False


class Engine(Protocol):
    """Turn audio into text, on this machine or another."""

    @property
    def capabilities(self) -> Capabilities: ...

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        """Yield segments in time order, each as soon as it is final.

        Times are seconds from the start of ``request.audio``. Segments never overlap; silence yields
        nothing. Closing the iterator stops decoding. ``Segment.language`` carries the language that
        was used or detected.

        Raises:
            UnsupportedLanguage, UnsupportedOption: before the first segment, never after.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready for a batch: what an engine works out ahead, while the model is busy.

    Requests with equal ``key`` may share a batch. ``inputs`` is the engine's own.
    """

    request: TranscribeRequest
    key: Hashable
    inputs: Any


class BatchEngine(Engine, Protocol):
    """An engine that gains from many requests at once. Both methods are called from several threads."""

    def prepare(self, request: TranscribeRequest) -> Prepared:
        """Check the request and compute what needs no model.

        Raises:
            UnsupportedLanguage, UnsupportedOption, InvalidRequest.
        """
        ...

    def transcribe_batch(self, requests: Sequence[Prepared]) -> list[list[Segment] | TiroError]:
        """The segments of each request, or its error, in the order of ``requests``; all have one key.

        What a request gets does not depend on the others. A request whose ``stop`` is set may get an empty
        list.
        """
        ...


class EngineProvider(Protocol):
    """What the entry point ``tiro.engines`` names: cheap to import, knows how to load the engine.

    A module that holds a provider imports its heavy library only inside ``load``.
    """

    @property
    def name(self) -> str: ...

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        """Look, without loading anything, whether ``model`` (None: the adapter's default) can be used.

        Raises:
            UnknownEngine: there is no such model at all.
        """
        ...

    def load(self, model: str | None, options: EngineOptions) -> Engine:
        """Load the engine. Called inside an engine host's process, once.

        Raises:
            ModelUnavailable, ModelCorrupt, UnknownEngine.
        """
        ...
