"""What can be said of engines without loading them: for the door, the health page and the doctor."""

from __future__ import annotations

from tiro.engines import catalogue
from tiro.engines.base import Availability, EngineOptions
from tiro.engines.registry import AUTO, OPENAI, WHISPER, EngineSpec, discover, provider, providers
from tiro.errors import ModelUnavailable, UnknownEngine


def check(text: str, options: EngineOptions, default_model: str) -> None:
    """Refuse what a caller from elsewhere may not ask for, without asking the network.

    Raises:
        UnknownEngine: no such engine or model; or one that is for this machine's owner only: a model by
            its path, or another remote model than the one that the owner chose and pays for.
        ModelUnavailable: its model is not here and may not be fetched.
    """
    spec = EngineSpec.parse(text)
    if spec.name == AUTO:
        return
    chosen = provider(spec.name)
    if spec.name == OPENAI and spec.model not in (None, options.remote.model):
        raise UnknownEngine(f"The only remote model here is '{options.remote.model}'. Name just '{OPENAI}'.")
    if spec.name != OPENAI and spec.model is not None and catalogue.is_path(spec.model):
        raise UnknownEngine("Name a model, not a folder; `tiro models list` shows the names.")
    model = spec.model
    if spec == EngineSpec(WHISPER):
        best = catalogue.best_present(options.models)
        model = best.name if best else default_model
    availability = chosen.availability(model, options)
    if not (availability.ready or availability.downloadable):
        raise ModelUnavailable(availability.detail)


def names(options: EngineOptions, default_model: str) -> list[str]:
    """What a request may name and would get at once: `auto`, engines, and Whisper models."""
    found = survey(options, default_model)
    models = [f"{WHISPER}:{model.name}" for model in catalogue.present(options.models)]
    return [AUTO, *(name for name, entry in found.items() if entry.ready), *models]


def survey(options: EngineOptions, default_model: str) -> dict[str, Availability]:
    """Every engine by name, those that could not be loaded too, with what is missing and how to get it."""
    found = {
        name: entry.availability(default_model if name == WHISPER else None, options)
        for name, entry in sorted(providers().items())
    }
    broken = {name: Availability(ready=False, detail=reason) for name, reason in discover().broken.items()}
    return found | broken


def resource(text: str) -> str:
    """What the engine that was asked for needs: ``gpu`` (it gains from one), ``remote`` or ``cpu``. An engine
    of somebody else's says so by an attribute ``resource`` of its provider."""
    name = EngineSpec.parse(text).name
    entry = providers().get(WHISPER if name == AUTO else name)
    return str(getattr(entry, "resource", "cpu"))
