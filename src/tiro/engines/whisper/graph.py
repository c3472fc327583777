"""An ONNX model, written as the protocol buffer that ONNX Runtime reads.

Only what an encoder needs: nodes with attributes, and weights. That is a page of code; the package that could
do it would be needed for nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32] | npt.NDArray[np.int8] | npt.NDArray[np.uint8] | npt.NDArray[np.int64]
Attribute = int | float | str | Sequence[int]

OPERATORS = 20
"""Version of the standard operators; the first with Gelu."""

MICROSOFT = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

_FORMAT = 9
_FLOAT = 1
_TYPES = {np.dtype(np.float32): _FLOAT, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.int64): 7}
_AS_FLOAT, _AS_INTEGER, _AS_STRING, _AS_INTEGERS = 1, 2, 3, 7


class Graph:
    """Grows node by node; each is named by what it gives."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: list[bytes] = []

    def weight(self, name: str, value: Array) -> str:
        kept = np.ascontiguousarray(value)
        fields = [_number(1, size) for size in value.shape]
        fields += [_number(2, _TYPES[kept.dtype]), _text(8, name), _bytes(9, kept.tobytes())]
        self._weights.append(_bytes(5, b"".join(fields)))
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str, *, domain: str = "", **attributes: Attribute
    ) -> str:
        """Add a node with one output, whose name comes back. An input that is left out is ''."""
        return self.nodes(kind, inputs, [output], domain=domain, **attributes)[0]

    def nodes(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        domain: str = "",
        **attributes: Attribute,
    ) -> list[str]:
        fields = [_text(1, name) for name in inputs]
        fields += [_text(2, name) for name in outputs]
        fields += [_text(3, outputs[0]), _text(4, kind)]
        fields += [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
        fields.append(_text(7, domain))
        self._nodes.append(_bytes(1, b"".join(fields)))
        return list(outputs)

    def model(self, given: tuple[str, Sequence[int | str]], wanted: tuple[str, Sequence[int | str]]) -> bytes:
        """The whole model: name and shape of its input and output, both float32; a size that varies has a
        name."""
        graph = [*self._nodes, _text(2, "encoder"), *self._weights]
        graph += [_bytes(11, _value(*given)), _bytes(12, _value(*wanted))]
        fields = [_number(1, _FORMAT), _text(2, "tiro"), _bytes(7, b"".join(graph))]
        for domain, version in (("", OPERATORS), (MICROSOFT, 1)):
            fields.append(_bytes(8, _text(1, domain) + _number(2, version)))
        return b"".join(fields)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = [_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape]
    tensor = _number(1, _FLOAT) + _bytes(2, b"".join(_bytes(1, size) for size in sizes))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        kind, fields = _AS_FLOAT, _tag(2, 5) + struct.pack("<f", value)
    elif isinstance(value, int):
        kind, fields = _AS_INTEGER, _number(3, value)
    elif isinstance(value, str):
        kind, fields = _AS_STRING, _text(4, value)
    else:
        kind, fields = _AS_INTEGERS, b"".join(_number(8, one) for one in value)
    return _text(1, name) + fields + _number(20, kind)


def _tag(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _tag(field, 0) + _varint(value & (1 << 64) - 1)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _tag(field, 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
