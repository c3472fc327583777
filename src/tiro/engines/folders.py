"""What makes a folder a Whisper model: CTranslate2's format, or that of the Transformers library."""

from __future__ import annotations

import json
from pathlib import Path

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"

PICKLE = (
    "Its weights are a pickle, which can run any program when it is read, so Tiro does not read it. "
    "Where you trust the model's maker, save it as safetensors with the Transformers library: "
    "`WhisperForConditionalGeneration.from_pretrained(FOLDER).save_pretrained(FOLDER)`."
)


def missing_files(folder: Path) -> list[str]:
    """The files that a model needs and ``folder`` lacks (or holds empty); none for a whole model."""
    if is_transformers(folder):
        return _missing_of_transformers(folder)
    lacks = [name for name in ("config.json", "model.bin", "tokenizer.json") if not _has(folder / name)]
    if not (_has(folder / "vocabulary.json") or _has(folder / "vocabulary.txt")):
        lacks.append("vocabulary.json")
    return lacks


def is_transformers(folder: Path) -> bool:
    """Whether ``folder`` is meant as a model in the Transformers library's format, be it whole or not."""
    return not (folder / "model.bin").exists() and (
        (folder / _WEIGHTS).exists() or (folder / _INDEX).exists() or is_pickled(folder)
    )


def is_pickled(folder: Path) -> bool:
    """Whether there are weights only in a format that is not safe to read."""
    if any((folder / name).exists() for name in ("model.bin", _WEIGHTS, _INDEX)):
        return False
    return next(folder.glob("pytorch_model*.bin"), None) is not None


def what_is_wrong(folder: Path) -> str:
    """The sentence about a folder that is no whole model."""
    if not folder.is_dir():
        return (
            f"There is no folder {folder}. Name the folder of a Whisper model in the format of CTranslate2 "
            "or of the Transformers library."
        )
    if is_pickled(folder):
        return f"{folder} cannot be used. {PICKLE}"
    return f"{folder} is not a whole Whisper model: {', '.join(missing_files(folder))} missing."


def _missing_of_transformers(folder: Path) -> list[str]:
    lacks = [] if _has(folder / "config.json") else ["config.json"]
    lacks += [name for name in _weights(folder) if not _has(folder / name)]
    parts = [name for name in ("vocab.json", "merges.txt") if not _has(folder / name)]
    if parts and not _has(folder / "tokenizer.json"):
        lacks.append("tokenizer.json")
    return lacks


def _weights(folder: Path) -> list[str]:
    """The files of the weights. A damaged index is left to whoever loads the model, who tells what it is."""
    if (folder / _WEIGHTS).exists() or not (folder / _INDEX).exists():
        return [_WEIGHTS]
    try:
        return sorted(
            {str(name) for name in json.loads((folder / _INDEX).read_bytes())["weight_map"].values()}
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [_INDEX] if not _has(folder / _INDEX) else []


def _has(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
