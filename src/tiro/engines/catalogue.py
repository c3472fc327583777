"""Whisper models: which there are, where they are on this machine, how to fetch and remove them.

A model is a folder in CTranslate2's format. It is looked for in the folder of the settings
(``MODELS/NAME``), then in the cache that Hugging Face's programs share; any other folder is named by path.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tiro.errors import ModelUnavailable, StorageFull, UnknownEngine

DEFAULT = "small"

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

_NEEDED = ("config.json", "model.bin", "tokenizer.json")
_WANTED = re.compile(r"(config|preprocessor_config|tokenizer|vocabulary)\.json|vocabulary\.txt|model\.bin")
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


def missing_files(folder: Path) -> list[str]:
    """The files that a model needs and ``folder`` lacks (or holds empty); none for a whole model."""
    lacks = [name for name in _NEEDED if not _has(folder / name)]
    if not (_has(folder / "vocabulary.json") or _has(folder / "vocabulary.txt")):
        lacks.append("vocabulary.json")
    return lacks


def _has(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def find(model: str, models: Path) -> Path | None:
    """The folder of ``model`` (a name or a path), or None where it is not here or not whole."""
    if is_path(model):
        folder = Path(model).expanduser()
        return folder if folder.is_dir() and not missing_files(folder) else None
    name = canonical(model)
    if _NAME.fullmatch(name) and not missing_files(folder := models / name):
        return folder
    return _in_cache(name)


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
    """Delete ``MODELS/NAME``; whether there was one. What other programs keep in the cache is left alone."""
    name = _checked(model)
    if not (models / name).is_dir():
        return False
    doomed = models / f".removed-{name}"
    with _locked(models, name):
        shutil.rmtree(doomed, ignore_errors=True)
        # Out of sight in one step: a model half deleted must never look whole.
        (models / name).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return True


def pull(model: str, models: Path, progress: Progress | None = None, *, endpoint: str | None = None) -> Path:
    """Fetch a known model into ``MODELS/NAME`` and return that folder; at once where it is there already.

    A download that is cut off goes on where it stopped the next time. The folder takes its name only when
    all files are there and their checksums are right. Two that pull the same model wait for each other.

    Args:
        endpoint: the hub's address; default Hugging Face's, or what HF_ENDPOINT names.

    Raises:
        UnknownEngine: no model of this name is known.
        ModelUnavailable: the hub cannot be reached (told within seconds), or the download broke off.
        StorageFull: the disk is full.
    """
    name = _checked(model)
    if name not in MODELS:
        raise UnknownEngine(f"No Whisper model is called '{model}'. Known: {', '.join(MODELS)}.")
    target = models / name
    if not missing_files(target):
        return target
    if not hub_reachable(endpoint):
        raise ModelUnavailable(how_to_get(name, models))
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _locked(models, name):
            if missing_files(target):
                _fetch(MODELS[name], models / f".partial-{name}", progress, _hub(endpoint))
                shutil.rmtree(target, ignore_errors=True)
                (models / f".partial-{name}").rename(target)
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from err
        raise ModelUnavailable(f"Fetching '{name}' failed: {err}. {how_to_get(name, models)}") from err
    return target


def how_to_get(name: str, models: Path) -> str:
    """The sentence for a person whose model is missing and cannot be fetched now."""
    known = MODELS.get(canonical(name))
    origin = f" (https://huggingface.co/{known.repo})" if known else ""
    return (
        f"The Whisper model '{name}' is not on this machine and the model hub cannot be reached. "
        f"Run `tiro models pull {name}` where there is a connection, or copy the model's folder{origin} "
        f"to {models / canonical(name)}."
    )


def _checked(model: str) -> str:
    name = canonical(model)
    if not _NAME.fullmatch(name):
        raise UnknownEngine(f"'{model}' is not the name of a model. Known: {', '.join(MODELS)}.")
    return name


@contextlib.contextmanager
def _locked(models: Path, name: str) -> Iterator[None]:
    """Hold off other processes that change the same model."""
    with (models / f".lock-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _hub(endpoint: str | None) -> str:
    return endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def _fetch(model: WhisperModel, partial: Path, progress: Progress | None, hub: str) -> None:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HTTPError,  # the base of what the hub's own HTTP library raises
        LocalEntryNotFoundError,
        XetDownloadError,
    )

    try:
        listing = HfApi(endpoint=hub).model_info(model.repo, files_metadata=True, timeout=10)
        files = [file for file in listing.siblings or [] if _WANTED.fullmatch(file.rfilename)]
        total = sum(file.size or 0 for file in files)
        done = 0
        for file in files:
            report = _meter(progress, done, total)
            path = hf_hub_download(
                model.repo,
                file.rfilename,
                revision=listing.sha,
                local_dir=partial,
                endpoint=hub,
                tqdm_class=report,
            )
            _verify(Path(path), file.lfs.sha256 if file.lfs else None)
            done += file.size or 0
            if progress:
                progress(done, total)
    except (HTTPError, LocalEntryNotFoundError, XetDownloadError) as err:
        raise ModelUnavailable(
            f"Fetching '{model.name}' broke off ({type(err).__name__}). "
            f"Run `tiro models pull {model.name}` again; it goes on where it stopped."
        ) from err
    if lacks := missing_files(partial):
        raise ModelUnavailable(f"The hub's copy of '{model.name}' is not whole: {', '.join(lacks)} missing.")
    shutil.rmtree(partial / ".cache", ignore_errors=True)


def _verify(file: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != sha256:
        file.unlink()
        raise ModelUnavailable(f"{file.name} arrived damaged (its checksum is wrong). Pull the model again.")


def _meter(progress: Progress | None, before: int, total: int) -> Any:
    """A progress bar class in the hub library's manner that draws nothing and reports bytes."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Meter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            self._done = int(options.get("initial") or 0)
            super().__init__(*args, **(options | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self._done += int(n or 0)
            if progress:
                progress(min(before + self._done, total), total)

    return Meter


def hub_reachable(endpoint: str | None = None, seconds: float = 3.0) -> bool:
    """Whether the model hub answers within ``seconds``, however slow the name server is."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    import httpx

    address = _hub(endpoint)
    answered = threading.Event()

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
            if httpx.head(address, timeout=seconds).status_code < 500:
                answered.set()

    # In a thread of its own: a look-up of the name cannot be given a time limit.
    thread = threading.Thread(target=ask, name="hub", daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
