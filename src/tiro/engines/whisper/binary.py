"""The weights in a model file of CTranslate2, read where they lie.

The layout is that of version 6, which CTranslate2 writes since 2.0: strings with their length, then each
variable with its shape, its type and its bytes; numbers are little-endian.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiro.errors import ModelCorrupt

Weight = npt.NDArray[np.float32]

_VERSIONS = range(4, 7)  # the types are written since 4
_TYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, 5: np.uint16}
_BFLOAT16 = 5
_LONGEST_NAME = 1000


@dataclass(frozen=True, slots=True)
class _Place:
    shape: tuple[int, ...]
    kind: int
    start: int
    size: int


class ModelFile:
    """The variables of ``model.bin`` by name.

    Raises:
        ModelCorrupt: the file is cut short, or in a layout that is not known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as err:
            raise ModelCorrupt(f"{path} cannot be read.") from err
        self._position = 0
        self._places: dict[str, _Place] = {}
        try:
            self._read_places()
        except (struct.error, UnicodeDecodeError) as err:
            raise ModelCorrupt(f"{path} is damaged.") from err

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises ModelCorrupt where there is no such variable."""
        return self._array(name).shape

    def number(self, name: str) -> int:
        """A variable that is a single whole number."""
        return int(self._array(name).item())

    def get(self, name: str, *shape: int) -> Weight:
        """A copy of a variable as float32, out of whatever precision it is kept in.

        Raises:
            ModelCorrupt: there is none of that name and ``shape``.
        """
        found = self._array(name)
        if found.shape != shape:
            raise ModelCorrupt(f"'{name}' in {self._path} is {found.shape}, not {shape}.")
        if self._places[name].kind == _BFLOAT16:
            return (found.astype(np.uint32) << 16).view(np.float32)
        plain = found.astype(np.float32)
        if f"{name}_scale" in self:
            # One scale for each output, or one for all; the stored number is the weight times the scale.
            scale = self._array(f"{name}_scale").astype(np.float32)
            plain /= scale.reshape((-1,) + (1,) * (plain.ndim - 1)) if scale.ndim else scale
        return plain

    def _array(self, name: str) -> npt.NDArray[Any]:
        place = self._places.get(name)
        if place is None:
            raise ModelCorrupt(f"{self._path} has no '{name}'.")
        kind = np.dtype(_TYPES[place.kind]).newbyteorder("<")
        count = int(np.prod(place.shape, dtype=np.int64))
        return np.frombuffer(self._data, kind, count, place.start).reshape(place.shape)

    def _read_places(self) -> None:
        [version] = self._take("<I")
        if version not in _VERSIONS:
            raise ModelCorrupt(f"{self._path} has layout {version}, which is not known here.")
        self._string()
        _revision, count = self._take("<II")
        for _ in range(count):
            name = self._string()
            [rank] = self._take("<B")
            shape = self._take(f"<{rank}I")
            kind, size = self._take("<BI")
            if kind not in _TYPES or self._position + size > len(self._data):
                raise ModelCorrupt(f"{self._path} is damaged at '{name}'.")
            if int(np.prod(shape, dtype=np.int64)) * np.dtype(_TYPES[kind]).itemsize != size:
                raise ModelCorrupt(f"{self._path} is damaged at '{name}'.")
            self._places[name] = _Place(shape, kind, self._position, size)
            self._position += size
        if self._position == len(self._data):
            return
        [count] = self._take("<I")
        for _ in range(count):
            alias, name = self._string(), self._string()
            if name in self._places:
                self._places[alias] = self._places[name]

    def _take(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from(layout, self._data, self._position)
        self._position += struct.calcsize(layout)
        return found

    def _string(self) -> str:
        [length] = self._take("<H")
        if length > _LONGEST_NAME:
            raise ModelCorrupt(f"{self._path} is damaged.")
        [raw] = self._take(f"<{length}s")
        return bytes(raw).rstrip(b"\0").decode()
