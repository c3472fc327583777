"""Whisper models of every size without a real one's weights: they take as long, and hear nothing.

The encoder's weights are RANDOM. The decoder's are zero but for the positions and the output, so that it says
the same number of tokens in every window, whoever runs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.tinywhisper import CERTAIN, script, vocabulary, write_tokenizer


class Shape(NamedTuple):
    """``layers`` of the encoder and of the decoder."""

    width: int
    layers: tuple[int, int]
    heads: int
    mels: int


SIZES = {
    "tiny": Shape(384, (4, 4), 6, 80),
    "base": Shape(512, (6, 6), 8, 80),
    "small": Shape(768, (12, 12), 12, 80),
    "medium": Shape(1024, (24, 24), 16, 80),
    "turbo": Shape(1280, (32, 4), 20, 128),
}


def make(
    folder: Path,
    shape: Shape,
    *,
    says: int = 100,
    vocabulary_size: int = 50_257,
    precision: str | None = "float16",
    sigma: float = 0.02,
) -> Path:
    """Write the model into ``folder``; it knows several languages.

    Args:
        says: how many tokens, all different.
        vocabulary_size: of the tokens of text.
        precision: of the stored weights; the published models have float16, and None is float32.
        sigma: of the encoder's weights.
    """
    from ctranslate2.specs.whisper_spec import WhisperSpec
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    codes = _LANGUAGE_CODES[: 100 if shape.mels == 128 else 99]
    tokens, special, times = vocabulary(vocabulary_size, ("the",), codes, multilingual=True)
    ids = {token: index for index, token in enumerate(tokens)}
    spec = WhisperSpec(shape.layers[0], shape.heads, shape.layers[1], shape.heads)
    text = " ".join(f"w{index}" for index in range(says))
    spoken = {place: ids[token] for place, token in script(text, multilingual=True).items()}
    _fill(spec, shape, len(tokens), spoken, sigma)
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in codes]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(shape.layers[1] - 1, head) for head in range(shape.heads)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization=precision)
    folder.mkdir(parents=True)
    spec.save(str(folder))
    write_tokenizer(folder / "tokenizer.json", ids, special, times)
    return folder


def _fill(spec: Any, shape: Shape, tokens: int, spoken: dict[int, int], sigma: float) -> None:
    width = shape.width
    random = np.random.default_rng(7)

    def drawn(*shape: int) -> Any:
        return random.standard_normal(shape, dtype=np.float32)

    def linear(layer: Any, outputs: int, inputs: int, scale: float) -> None:
        layer.weight = drawn(outputs, inputs) * np.float32(scale)
        layer.bias = np.zeros(outputs, np.float32)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def block(layer: Any, scale: float) -> None:
        linear(layer.self_attention.linear[0], 3 * width, width, scale)
        linear(layer.self_attention.linear[1], width, width, scale)
        linear(layer.ffn.linear_0, 4 * width, width, scale)
        linear(layer.ffn.linear_1, width, 4 * width, scale)
        norm(layer.self_attention.layer_norm)
        norm(layer.ffn.layer_norm)

    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, shape.mels), (encoder.conv2, width)):
        convolution.weight = drawn(width, inputs, 3) * np.float32(sigma)
        convolution.bias = np.zeros(width, np.float32)
    encoder.position_encodings.encodings = drawn(1500, width)
    places = drawn(448, width)
    decoder.position_encodings.encodings = places
    for part, scale in ((encoder, sigma), (decoder, 0.0)):
        norm(part.layer_norm)
        for layer in part.layer:
            block(layer, scale)
    for layer in decoder.layer:
        linear(layer.attention.linear[0], width, width, 0.0)
        linear(layer.attention.linear[1], 2 * width, width, 0.0)
        linear(layer.attention.linear[2], width, width, 0.0)
        norm(layer.attention.layer_norm)
    decoder.embeddings.weight = np.zeros((tokens, width), np.float32)
    # A state is that of its position, so its token is the one whose row points the same way.
    normed = (places - places.mean(1, keepdims=True)) / places.std(1, keepdims=True)
    rows = np.zeros((tokens, width), np.float32)
    for place, token in spoken.items():
        rows[token] += normed[place] * np.float32(CERTAIN / width)
    decoder.projection.weight = rows
