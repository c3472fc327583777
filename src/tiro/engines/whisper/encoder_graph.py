"""Whisper's encoder for ONNX Runtime, out of a model's own weights.

Products with weights are made of 8-bit integers: the weights once, with a scale for each output, the states
anew for each window. All else stays float32, attention as one fused operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiro.engines.whisper.binary import ModelFile, Weight
from tiro.engines.whisper.checkpoint import AUDIO_POSITIONS
from tiro.engines.whisper.features import FRAMES
from tiro.engines.whisper.graph import MICROSOFT, Graph

INPUT, OUTPUT = "mel", "states"
_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Read from the weights themselves."""

    width: int
    mels: int
    layers: int
    heads: int
    inner: int


def shape_of(model: ModelFile) -> EncoderShape:
    """Raises ModelCorrupt where the file holds no Whisper encoder."""
    width, mels = model.shape("encoder/conv1/weight")[:2]
    layers = 0
    while f"encoder/layer_{layers}/ffn/linear_0/weight" in model:
        layers += 1
    inner = model.shape("encoder/layer_0/ffn/linear_0/weight")[0]
    return EncoderShape(width, mels, layers, model.number("encoder/num_heads"), inner)


def build(path: Path, bits: int) -> bytes:
    """The ONNX model of the encoder in CTranslate2's ``model.bin``.

    It takes the spectrogram of one window, ``(1, mels, 3000)``, and gives its states, ``(1, 1500, width)``.

    Args:
        bits: of the weights' integers, 8 or 7. Processors without instructions for it add pairs of products
            in 16 bits, which overflow unless one bit is left free.

    Raises:
        ModelCorrupt: the file is damaged, or its weights are not those of a Whisper encoder.
    """
    model = ModelFile(path)
    shape = shape_of(model)
    return _Builder(model, shape, 2 ** (bits - 1) - 1).build()


class _Builder:
    def __init__(self, model: ModelFile, shape: EncoderShape, highest: int) -> None:
        self._model = model
        self._shape = shape
        self._highest = highest
        self._graph = Graph()

    def build(self) -> bytes:
        graph, shape = self._graph, self._shape
        states = self._convolution(INPUT, "encoder/conv1", shape.mels, stride=1)
        states = self._convolution(states, "encoder/conv2", shape.width, stride=2)
        states = graph.node("Transpose", [states], "heard", perm=[0, 2, 1])
        places = self._model.get("encoder/position_encodings/encodings", AUDIO_POSITIONS, shape.width)
        states = graph.node("Add", [states, graph.weight("places", places[None])], "placed")
        for index in range(shape.layers):
            states = self._layer(states, f"encoder/layer_{index}")
        self._norm(states, "encoder/layer_norm", OUTPUT)
        return graph.model((INPUT, (1, shape.mels, FRAMES)), (OUTPUT, (1, AUDIO_POSITIONS, shape.width)))

    def _convolution(self, states: str, name: str, inputs: int, stride: int) -> str:
        graph, width = self._graph, self._shape.width
        weight = graph.weight(f"{name}/weight", self._model.get(f"{name}/weight", width, inputs, 3))
        bias = graph.weight(f"{name}/bias", self._model.get(f"{name}/bias", width))
        found = graph.node(
            "Conv", [states, weight, bias], name, kernel_shape=[3], pads=[1, 1], strides=[stride]
        )
        return graph.node("Gelu", [found], f"{name}/gelu")

    def _layer(self, states: str, name: str) -> str:
        graph, width, inner = self._graph, self._shape.width, self._shape.inner
        own, beyond = f"{name}/self_attention", f"{name}/ffn"
        normed = self._norm(states, f"{own}/layer_norm", f"{own}/normed")
        joined = self._linear(normed, f"{own}/linear_0", 3 * width, width)
        parts = [f"{own}/{part}" for part in ("query", "key", "value")]
        graph.nodes("Split", [joined], parts, axis=-1, num_outputs=3)
        seen = graph.node(
            "MultiHeadAttention", parts, f"{own}/seen", domain=MICROSOFT, num_heads=self._shape.heads
        )
        seen = self._linear(seen, f"{own}/linear_1", width, width)
        states = graph.node("Add", [states, seen], own)
        normed = self._norm(states, f"{beyond}/layer_norm", f"{beyond}/normed")
        wide = self._linear(normed, f"{beyond}/linear_0", inner, width)
        wide = graph.node("Gelu", [wide], f"{beyond}/gelu")
        return graph.node("Add", [states, self._linear(wide, f"{beyond}/linear_1", width, inner)], beyond)

    def _norm(self, states: str, name: str, output: str) -> str:
        width = self._shape.width
        gamma = self._graph.weight(f"{name}/gamma", self._model.get(f"{name}/gamma", width))
        beta = self._graph.weight(f"{name}/beta", self._model.get(f"{name}/beta", width))
        inputs = [states, gamma, beta]
        return self._graph.node("LayerNormalization", inputs, output, axis=-1, epsilon=_EPSILON)

    def _linear(self, states: str, name: str, outputs: int, inputs: int) -> str:
        graph = self._graph
        whole, scale = self._integers(self._model.get(f"{name}/weight", outputs, inputs))
        weight = graph.weight(f"{name}/weight", whole.T)
        zero = graph.weight(f"{name}/zero", np.zeros(outputs, np.int8))
        scales = graph.weight(f"{name}/scale", scale)
        bias = graph.weight(f"{name}/bias", self._model.get(f"{name}/bias", outputs))
        inputs_of = [states, weight, scales, zero, bias]
        return graph.node("DynamicQuantizeMatMul", inputs_of, name, domain=MICROSOFT)

    def _integers(self, weight: Weight) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int8]], Weight]:
        """Whole numbers and, for each output, what one of them is worth."""
        scale = np.abs(weight).max(axis=1) / np.float32(self._highest)
        scale[scale == 0] = 1.0
        return np.rint(weight / scale[:, None]).astype(np.int8), scale
