"""Weights out of safetensors files: plain numbers behind a JSON header, so that reading them runs nothing."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiro.errors import ModelCorrupt

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

Array = npt.NDArray[Any]

_LONGEST_HEADER = 100_000_000
_TYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "BF16": np.dtype("<u2"), "F32": np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: str
    shape: tuple[int, ...]
    start: int
    data: mmap.mmap


class Weights:
    """All tensors of a model's folder, by name. Nothing is read into memory before it is asked for.

    Attributes:
        dtype: what ``get`` gives: float16 where all tensors are, else float32, which holds the rest exactly.

    Raises:
        ModelCorrupt: a file is cut short, or is no safetensors file.
    """

    def __init__(self, folder: Path) -> None:
        self._tensors: dict[str, _Tensor] = {}
        for file in weight_files(folder):
            self._tensors |= _read(file)
        kinds = {tensor.kind for tensor in self._tensors.values()}
        self.dtype = np.dtype(np.float16) if kinds == {"F16"} else np.dtype(np.float32)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def get(self, name: str, *shape: int) -> Array:
        """The tensor as ``dtype``; a view of the file where that is its type already.

        Raises:
            ModelCorrupt: there is none of this name, or it has another shape.
        """
        tensor = self._tensors.get(name)
        if tensor is None:
            raise ModelCorrupt(f"The weights lack '{name}'.")
        if tensor.shape != shape:
            raise ModelCorrupt(f"'{name}' has the shape {list(tensor.shape)} instead of {list(shape)}.")
        array: Array = np.frombuffer(
            tensor.data, _TYPES[tensor.kind], math.prod(shape), tensor.start
        ).reshape(shape)
        if tensor.kind == "BF16":
            # The upper half of a float32.
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(self.dtype, copy=False)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, whether they are there or not; one, or those that the index names.

    Raises:
        ModelCorrupt: the index is damaged.
    """
    index = folder / INDEX
    if (folder / WHOLE).exists() or not index.exists():
        return [folder / WHOLE]
    try:
        named = json.loads(index.read_bytes())["weight_map"].values()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise ModelCorrupt(f"{index} is damaged.") from err
    names = {name for name in named if isinstance(name, str)}
    # Whoever made the folder may not point at files outside it.
    if not names or any(Path(name).name != name for name in names):
        raise ModelCorrupt(f"{index} names no files of its folder.")
    return [folder / name for name in sorted(names)]


def _read(file: Path) -> dict[str, _Tensor]:
    try:
        with file.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as err:
        raise ModelCorrupt(f"{file} cannot be read.") from err
    length = int.from_bytes(data[:8], "little")
    begin = 8 + length
    if len(data) < 8 or length > _LONGEST_HEADER or begin > len(data):
        raise ModelCorrupt(f"{file} is cut short, or is no safetensors file.")
    try:
        header = json.loads(data[8:begin])
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _tensor(name, entry, begin, data) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as err:
        raise ModelCorrupt(f"The header of {file} is damaged.") from err
    except ModelCorrupt as err:
        raise ModelCorrupt(f"{file}: {err.message}") from err


def _tensor(name: str, entry: Mapping[str, Any], begin: int, data: mmap.mmap) -> _Tensor:
    kind, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if kind not in _TYPES:
        raise ModelCorrupt(f"'{name}' is of the type {kind}; only {', '.join(_TYPES)} can be read.")
    if any(not isinstance(size, int) or size < 0 for size in (*shape, start, end)):
        raise ValueError(name)
    if end - start != math.prod(shape) * _TYPES[kind].itemsize:
        raise ModelCorrupt(f"'{name}' has the wrong length.")
    if begin + end > len(data):
        raise ModelCorrupt("it is cut short.")
    return _Tensor(kind, shape, begin + start, data)
