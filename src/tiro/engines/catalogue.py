"""Whisper models: which there are, where they are on this machine, and how to remove them.

A model is a folder in CTranslate2's format or in that of the Transformers library. It is looked for in the
folder of the settings (``MODELS/NAME``), then in the cache that Hugging Face's programs share; any other
folder is named by path.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tiro.engines.folders import missing_files
from tiro.errors import UnknownEngine
from tiro.kit.lockfile import waiting_for

DEFAULT = "small"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class WhisperModel:
    """A published model. ``megabytes`` is about what a download takes; a higher ``rank`` is more accurate."""

    name: str
    repo: str
    megabytes: int
    speed: Literal["fastest", "fast", "medium", "slow", "slowest"]
    rank: int
    english_only: bool = False
    translates: bool = True


def _known() -> Iterator[WhisperModel]:
    def model(name: str, repo: str, megabytes: int, speed: Any, rank: int, **more: bool) -> WhisperModel:
        return WhisperModel(name, repo, megabytes, speed, rank, **more)

    english = {"english_only": True, "translates": False}
    systran = "Systran/faster-whisper-"
    distil = "Systran/faster-distil-whisper-"
    turbo = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
    yield model("tiny", systran + "tiny", 78, "fastest", 10)
    yield model("tiny.en", systran + "tiny.en", 78, "fastest", 11, **english)
    yield model("base", systran + "base", 148, "fast", 20)
    yield model("base.en", systran + "base.en", 148, "fast", 21, **english)
    yield model("small", systran + "small", 486, "medium", 40)
    yield model("small.en", systran + "small.en", 486, "medium", 39, **english)
    yield model("medium", systran + "medium", 1531, "slow", 60)
    yield model("medium.en", systran + "medium.en", 1531, "slow", 59, **english)
    yield model("large-v1", systran + "large-v1", 3090, "slowest", 70)
    yield model("large-v2", systran + "large-v2", 3090, "slowest", 80)
    yield model("large-v3", systran + "large-v3", 3090, "slowest", 100)
    yield model("large-v3-turbo", turbo, 1620, "medium", 90, translates=False)
    yield model("distil-small.en", distil + "small.en", 335, "fast", 30, **english)
    yield model("distil-medium.en", distil + "medium.en", 792, "medium", 45, **english)
    yield model("distil-large-v2", distil + "large-v2", 1516, "medium", 50, **english)
    yield model("distil-large-v3", distil + "large-v3", 1516, "medium", 55, **english)
    yield model("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ct2", 1516, "medium", 56, **english)


MODELS: dict[str, WhisperModel] = {model.name: model for model in _known()}
ALIASES = {"turbo": "large-v3-turbo", "large": "large-v3"}


@dataclass(frozen=True, slots=True)
class PresentModel:
    """A model that is on this machine, whole. ``source`` says whether it is ours to remove."""

    name: str
    path: Path
    source: Literal["models", "cache"]


def canonical(name: str) -> str:
    """The model's one name: ``turbo`` is ``large-v3-turbo``."""
    return ALIASES.get(name, name)


def is_path(model: str) -> bool:
    """Whether ``model`` names a folder rather than a model."""
    return "/" in model or model.startswith(("~", ".")) or os.sep in model


def find(model: str, models: Path) -> Path | None:
    """The folder of ``model`` (a name or a path), or None where it is not here or not whole."""
    if is_path(model):
        folder = Path(model).expanduser()
        return folder if folder.is_dir() and not missing_files(folder) else None
    name = canonical(model)
    if _NAME.fullmatch(name) and not missing_files(folder := models / name):
        return folder
    return _in_cache(name)


def is_here(name: str, models: Path) -> bool:
    """Whether there is a folder of this name, whole or not."""
    return _NAME.fullmatch(name) is not None and (models / name).is_dir()


def present(models: Path) -> list[PresentModel]:
    """All whole models, best first: those of ``models``, whatever their names, and those in the cache."""
    found: dict[str, PresentModel] = {}
    with contextlib.suppress(OSError):
        for folder in sorted(models.iterdir()):
            if _NAME.fullmatch(folder.name) and folder.is_dir() and not missing_files(folder):
                found[folder.name] = PresentModel(folder.name, folder, "models")
    for name in MODELS.keys() - found.keys():
        if path := _in_cache(name):
            found[name] = PresentModel(name, path, "cache")
    return sorted(found.values(), key=lambda model: (-_rank(model.name), model.name))


def best_present(models: Path) -> PresentModel | None:
    """The most accurate model that is here."""
    return next(iter(present(models)), None)


def _rank(name: str) -> int:
    return MODELS[name].rank if name in MODELS else 0


def _in_cache(name: str) -> Path | None:
    if name not in MODELS:
        return None
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(MODELS[name].repo, "model.bin")
    folder = Path(file).parent if isinstance(file, str) else None
    return folder if folder and not missing_files(folder) else None


def remove(model: str, models: Path) -> bool:
    """Delete ``MODELS/NAME``; whether there was one. Of a link only the link goes, never what it points to;
    what other programs keep in the cache is left alone."""
    name = checked(model)
    folder, doomed = models / name, models / f".removed-{name}"
    if not (folder.is_symlink() or folder.is_dir()):
        return False
    with changing(models, name):
        if folder.is_symlink():
            folder.unlink()
            return True
        shutil.rmtree(doomed, ignore_errors=True)
        # Out of sight in one step: a model half deleted must never look whole.
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return True


def bytes_in(folder: Path) -> int:
    """What a model takes; files that are links (as those of the cache are) count as what they point to."""
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return 0  # somebody removes it just now


def partial(name: str, models: Path) -> Path:
    """The folder of what has arrived of a download; ``name`` is a model's one name."""
    return models / f".partial-{name}"


def partial_bytes(name: str, models: Path) -> int:
    return bytes_in(partial(name, models))


def forget_partial(model: str, models: Path) -> bool:
    """Delete what has arrived of a download; whether there was anything."""
    name = checked(model)
    if not partial(name, models).is_dir():
        return False
    with changing(models, name):
        shutil.rmtree(partial(name, models), ignore_errors=True)
    return True


def how_to_get(name: str, models: Path) -> str:
    """The sentence for a person whose model is missing and cannot be fetched now."""
    known = MODELS.get(canonical(name))
    origin = f" (https://huggingface.co/{known.repo})" if known else ""
    return (
        f"The Whisper model '{name}' is not on this machine and the model hub cannot be reached. "
        f"Run `tiro models pull {name}` where there is a connection, or copy the model's folder{origin} "
        f"to {models / canonical(name)}."
    )


def checked(model: str) -> str:
    """The one name of ``model``; raises UnknownEngine where it cannot be that of a folder of ours."""
    name = canonical(model)
    if not _NAME.fullmatch(name):
        raise UnknownEngine(f"'{model}' is not the name of a model. Known: {', '.join(MODELS)}.")
    return name


def changing(models: Path, name: str) -> contextlib.AbstractContextManager[None]:
    """Hold off other processes that change the same model."""
    return waiting_for(models / f".lock-{name}")
