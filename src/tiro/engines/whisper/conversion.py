"""Models in the Transformers library's format, converted to CTranslate2's once and kept.

What is kept goes by the content of the source: the same model is converted once wherever it lies, and a model
that was changed is converted anew.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from tiro.engines import folders
from tiro.engines.whisper.checkpoint import Shape, build_spec, configure, read_json
from tiro.engines.whisper.safetensors import Weights, weight_files
from tiro.engines.whisper.vocabulary import read_tokenizer, tokens_of
from tiro.errors import CannotWrite, ModelCorrupt, StorageFull
from tiro.kit.lockfile import waiting_for

_log = logging.getLogger(__name__)

_READ = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "tokenizer_config.json",
)
_FORMAT = "1"
"""Raise it with every change to what is written."""

_SOURCE = "source.json"
_HASHES = "hashes.json"


def converted(folder: Path, cache: Path) -> Path:
    """The folder of the model in ``folder`` in CTranslate2's format, converted now if need be (for ``small``
    some seconds). It appears in ``cache`` only when it is whole. Two that convert one model wait for each
    other; an older conversion of a folder that has changed is removed.

    Raises:
        ModelCorrupt: the model is damaged, or no Whisper model.
        StorageFull, CannotWrite: ``cache`` cannot take it.
    """
    folder = folder.resolve()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with waiting_for(cache / ".lock"):
            target = cache / _key(folder, cache)
            if not folders.missing_files(target):
                return target
            partial = cache / ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                convert(folder, partial)
                (partial / _SOURCE).write_text(json.dumps({"folder": str(folder)}))
                _forget_older(folder, cache)
                shutil.rmtree(target, ignore_errors=True)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            return target
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from err
        raise CannotWrite(
            f"The model in {folder} cannot be converted in {cache}: {err.strerror or err}. "
            "Choose another data folder with TIRO_DATA."
        ) from err


def convert(folder: Path, target: Path) -> None:
    """Write the model in ``folder`` into the empty folder ``target``, its weights as exact as they are.

    Raises:
        ModelCorrupt
    """
    shape = Shape.of(read_json(folder / "config.json"), folder)
    features = read_json(folder / "preprocessor_config.json")
    if features.get("feature_size", shape.mels) != shape.mels:
        raise ModelCorrupt(f"preprocessor_config.json in {folder} does not belong to these weights.")
    tokenizer = read_tokenizer(folder)
    tokens = tokens_of(tokenizer, shape.vocabulary, folder)
    spec, tied = build_spec(shape, Weights(folder))
    configure(spec, shape, folder, tokens)
    spec.register_vocabulary(tokens)
    spec.validate()
    if tied:
        spec.decoder.projection.weight = "decoder/embeddings/weight"  # stored once
    spec.save(str(target))
    tokenizer.save(str(target / "tokenizer.json"))
    if features:
        (target / "preprocessor_config.json").write_text(json.dumps(features))
    _log.info("model.converted: %s", folder)


def _key(folder: Path, cache: Path) -> str:
    """A name that the content of all files decides that are read."""
    files = [folder / name for name in _READ if (folder / name).exists()]
    known = _known_hashes(cache)
    hashes = {str(file): _hash(file, known) for file in (*files, *weight_files(folder))}
    kept = {name: entry for name, entry in known.items() if Path(name).exists()} | hashes
    if kept != known:
        written = cache / f".{_HASHES}"
        written.write_text(json.dumps(kept))
        written.replace(cache / _HASHES)
    content = [_FORMAT, *(f"{Path(name).name}={entry[2]}" for name, entry in sorted(hashes.items()))]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:32]


def _known_hashes(cache: Path) -> dict[str, Any]:
    """Sizes, times and hashes of files that were read before: a large model takes seconds to read."""
    try:
        return read_json(cache / _HASHES)
    except ModelCorrupt:
        return {}


def _hash(file: Path, known: dict[str, Any]) -> list[Any]:
    try:
        status = file.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        before = known.get(str(file))
        if isinstance(before, list) and before[:2] == stamp and len(before) == 3:
            return before
        with file.open("rb") as stream:
            return [*stamp, hashlib.file_digest(stream, "sha256").hexdigest()]
    except OSError as err:
        raise ModelCorrupt(f"{file} cannot be read.") from err


def _forget_older(folder: Path, cache: Path) -> None:
    for entry in os.scandir(cache):
        with contextlib.suppress(ModelCorrupt, OSError):
            source = {} if entry.name.startswith(".") else read_json(Path(entry.path) / _SOURCE)
            if source.get("folder") == str(folder):
                shutil.rmtree(entry.path)
