"""What turns a file into text, with neither server nor database: cheap to import, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tiro.engines import download, registry
from tiro.engines.base import EngineOptions, RemoteOptions
from tiro.engines.host import EngineHosts
from tiro.engines.registry import Resolved
from tiro.features.transcription.pipeline import Pipeline
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits
from tiro.settings import Settings
from tiro.speech.options import Defaults, default_language, terms


@dataclass(frozen=True, slots=True)
class SpeechRuntime:
    """What turns a file into text, with neither server nor database."""

    pipeline: Pipeline
    decoders: DecoderPool
    hosts: EngineHosts
    options: EngineOptions
    default_engine: str
    default_model: str
    remote_fallback: str

    def prepare(self, engine: str | None, progress: Callable[[int, int], None] | None = None) -> Resolved:
        """The engine that ``engine`` (None: the default) means here and now, its model fetched if need be.

        Args:
            progress: called with bytes done and bytes in all while a model is fetched; what it
                raises ends that.
        """
        resolved = registry.resolve(engine or self.default_engine, self.options, self.default_model)
        if resolved.needs_download and resolved.spec.model is not None:
            download.pull(resolved.spec.model, self.options.models, progress, hubs=self.options.hubs)
        if resolved.spec.name == registry.OPENAI and self.remote_fallback != "none":
            return replace(resolved, fallback=lambda: self.prepare(self.remote_fallback))
        return resolved


@contextmanager
def speech_runtime(settings: Settings) -> Iterator[SpeechRuntime]:
    """Media and engines alone, as the command line and `tiro.transcribe` use them."""
    runtime = build_speech(settings)
    try:
        yield runtime
    finally:
        runtime.hosts.close()
        runtime.decoders.close()


def engine_options(settings: Settings) -> EngineOptions:
    engine, openai = settings.engine, settings.openai
    return EngineOptions(
        models=settings.models_folder,
        converted=settings.data / "converted",
        hubs=engine.hub_addresses,
        device=engine.device,
        compute_type=engine.compute_type,
        encoder=engine.encoder,
        threads=engine.threads,
        download=engine.download,
        remote=RemoteOptions(
            url=openai.url,
            key=openai.key.get_secret_value() if openai.key else None,
            model=openai.model,
            connect_seconds=openai.connect_seconds,
            answer_seconds=openai.answer_seconds,
            window=openai.window,
        ),
    )


def transcription_defaults(settings: Settings) -> Defaults:
    """Raises InvalidRequest or UnsupportedLanguage where a setting is out of bounds."""
    said = settings.transcription
    return Defaults(
        terms([said.vocabulary]),
        said.prompt.strip() or None,
        default_language(said.language),
        said.beam,
        terms([said.guard_off]),
    )


def build_speech(settings: Settings, *, spare_decoders: int = 1) -> SpeechRuntime:
    engine, options = settings.engine, engine_options(settings)
    limits = MediaLimits(
        max_duration=settings.media.max_duration,
        max_channels=settings.media.max_channels,
        memory=int(settings.media.memory),
        cpu_seconds=settings.media.cpu_seconds,
        stall_seconds=settings.media.stall_seconds,
    )
    decoders = DecoderPool(limits, spare_decoders)
    hosts = EngineHosts(options, idle_seconds=engine.idle_seconds, stall_seconds=engine.stall_seconds)
    return SpeechRuntime(
        Pipeline(decoders, hosts, transcription_defaults(settings)),
        decoders,
        hosts,
        options,
        engine.default,
        engine.model,
        settings.openai.fallback,
    )
