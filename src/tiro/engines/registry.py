"""Which engines there are, and which one a request means.

Engines are found through the entry points ``tiro.engines``, ours and those of other packages alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from tiro.engines import catalogue, download
from tiro.engines.base import EngineOptions, EngineProvider
from tiro.errors import ModelUnavailable, UnknownEngine
from tiro.speech.types import Notice

GROUP = "tiro.engines"
AUTO = "auto"
WHISPER = "whisper"
OPENAI = "openai"
FALLBACK = "pocketsphinx"

FALLBACK_NOTICE = Notice(
    "fallback_engine",
    "This text was made by the embedded fallback engine, PocketSphinx: English only, and about 28 % of the "
    "words are wrong even in clearly read speech. For good transcripts get a Whisper model: "
    "`tiro models pull small`.",
)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """An engine and, where it has several, its model: ``whisper:small``, ``whisper:/path``, ``echo``."""

    name: str
    model: str | None = None

    @classmethod
    def parse(cls, text: str) -> EngineSpec:
        """Split at the first colon, so that a model may be a path. Whether it exists is not looked at."""
        name, _, model = text.strip().partition(":")
        return cls(name.strip().lower(), model.strip() or None)

    def __str__(self) -> str:
        return self.name if self.model is None else f"{self.name}:{self.model}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The engine to use. ``notice`` must go with every result.

    ``needs_download`` says that the model must be fetched first: by ``download.pull``, which shows
    progress, or else by the engine host while it loads. ``fallback`` finds the engine that goes on where this
    one is remote and fails.
    """

    spec: EngineSpec
    notice: Notice | None = None
    needs_download: bool = False
    fallback: Callable[[], Resolved] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Engines that can be loaded, by name, and why others cannot."""

    engines: Mapping[str, EngineProvider]
    broken: Mapping[str, str]


@functools.cache
def discover() -> Found:
    """Look through the entry points, once a process. No stranger can take the name of one of our engines."""
    ours_last = sorted(entry_points(group=GROUP), key=lambda point: point.value.startswith("tiro."))
    return load_all(ours_last)


def load_all(points: list[EntryPoint]) -> Found:
    """Load each entry point; of two with one name the later wins. A broken one is left out, with reason."""
    engines: dict[str, EngineProvider] = {}
    broken: dict[str, str] = {}
    for point in points:
        try:
            provider: EngineProvider = point.load()
        except Exception as err:  # noqa: BLE001 - somebody else's package may fail in any way as it is imported
            broken[point.name] = f"{point.value}: {type(err).__name__}: {err}"
            continue
        if missing := [name for name in ("name", "availability", "load") if not hasattr(provider, name)]:
            broken[point.name] = f"{point.value}: is no engine provider, it lacks {', '.join(missing)}"
            continue
        engines[point.name] = provider
        broken.pop(point.name, None)
    return Found(engines, broken)


def providers() -> Mapping[str, EngineProvider]:
    """The providers that work, by name."""
    return discover().engines


def provider(name: str) -> EngineProvider:
    """The provider called ``name``.

    Raises:
        UnknownEngine: names those that there are.
    """
    found = discover()
    if name in found.engines:
        return found.engines[name]
    if name in found.broken:
        raise UnknownEngine(f"The engine '{name}' could not be loaded ({found.broken[name]}).")
    known = ", ".join([AUTO, *sorted(found.engines)])
    raise UnknownEngine(f"There is no engine called '{name}'. Choose one of: {known}.")


def resolve(text: str, options: EngineOptions, default_model: str = catalogue.DEFAULT) -> Resolved:
    """Turn what a person asked for into an engine that can work here. Takes a few seconds at most.

    Args:
        text: ``auto``, ``whisper`` (any Whisper model), ``whisper:MODEL`` or another engine's name.
        default_model: the Whisper model to prefer where none is named.

    Raises:
        UnknownEngine: no such engine or model.
        ModelUnavailable: the model is not here and cannot be fetched.
    """
    spec = EngineSpec.parse(text)
    if spec.name == AUTO:
        return _any_whisper(options, default_model) or Resolved(EngineSpec(FALLBACK), FALLBACK_NOTICE)
    chosen = provider(spec.name)
    if spec == EngineSpec(WHISPER):
        if whisper := _any_whisper(options, default_model):
            return whisper
        spec = EngineSpec(WHISPER, default_model)
    availability = chosen.availability(spec.model, options)
    notice = FALLBACK_NOTICE if spec.name == FALLBACK else None
    if availability.ready:
        return Resolved(spec, notice)
    if availability.downloadable and download.reachable(options.hubs):
        return Resolved(spec, notice, needs_download=True)
    raise ModelUnavailable(availability.detail)


def _any_whisper(options: EngineOptions, default_model: str) -> Resolved | None:
    """The default model if it is here, else the best that is, else the default if it can be fetched."""
    if WHISPER not in providers():
        return None
    preferred = EngineSpec(WHISPER, default_model)
    availability = providers()[WHISPER].availability(default_model, options)
    if availability.ready:
        return Resolved(preferred)
    if best := catalogue.best_present(options.models):
        return Resolved(EngineSpec(WHISPER, best.name))
    if availability.downloadable and download.reachable(options.hubs):
        return Resolved(preferred, needs_download=True)
    return None
