"""Which Whisper models there are on this machine."""

from __future__ import annotations

from pathlib import Path

from tiro.engines import catalogue, download, folders
from tiro.engines.base import Availability, EngineOptions
from tiro.engines.whisper.conversion import converted
from tiro.engines.whisper.engine import WhisperEngine
from tiro.engines.whisper.loading import load_engine
from tiro.errors import ModelCorrupt, ModelUnavailable, UnknownEngine


class WhisperProvider:
    """There where a model is on this machine, or can be fetched."""

    name = "whisper"
    resource = "gpu"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        name = model or catalogue.DEFAULT
        if path := catalogue.find(name, options.models):
            return Availability(True, f"{name} in {path}")
        if catalogue.is_path(name):
            return Availability(False, folders.what_is_wrong(Path(name).expanduser()))
        if catalogue.canonical(name) not in catalogue.MODELS:
            if catalogue.is_here(name, options.models):
                return Availability(False, folders.what_is_wrong(options.models / name))
            known = ", ".join(catalogue.MODELS)
            raise UnknownEngine(f"No Whisper model is called '{name}'. Known: {known}; or name a folder.")
        return Availability(False, catalogue.how_to_get(name, options.models), downloadable=options.download)

    def load(self, model: str | None, options: EngineOptions) -> WhisperEngine:
        name = model or catalogue.DEFAULT
        path = self._folder(name, options)
        known = catalogue.MODELS.get(catalogue.canonical(name))
        return load_engine(
            converted(path, options.conversions) if folders.is_transformers(path) else path,
            path.name if catalogue.is_path(name) else name,
            options,
            translates=known is None or known.translates,
        )

    def _folder(self, name: str, options: EngineOptions) -> Path:
        if path := catalogue.find(name, options.models):
            return path
        if catalogue.is_path(name) and Path(name).expanduser().is_dir():
            raise ModelCorrupt(folders.what_is_wrong(Path(name).expanduser()))
        availability = self.availability(name, options)
        if not availability.downloadable:
            raise ModelUnavailable(availability.detail)
        return download.pull(name, options.models, hubs=options.hubs)


PROVIDER = WhisperProvider()
