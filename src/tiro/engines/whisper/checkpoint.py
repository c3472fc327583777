"""A Whisper model in the format of the Transformers library, read without that library and without torch."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines.whisper.safetensors import Array, Weights
from tiro.errors import ModelCorrupt

AUDIO_POSITIONS = 1500
TEXT_POSITIONS = 448


def read_json(file: Path) -> dict[str, Any]:
    """The object in ``file``; empty where there is no such file.

    Raises:
        ModelCorrupt
    """
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as err:
        raise ModelCorrupt(f"{file} cannot be read.") from err
    if not isinstance(found, dict):
        raise ModelCorrupt(f"{file} is damaged.")
    return found


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model: ``width`` of its states, ``inner`` of the layers between."""

    width: int
    mels: int
    vocabulary: int
    encoder_layers: int
    encoder_heads: int
    encoder_inner: int
    decoder_layers: int
    decoder_heads: int
    decoder_inner: int

    @classmethod
    def of(cls, config: Mapping[str, Any], folder: Path) -> Shape:
        """Raises ModelCorrupt where ``config`` describes no Whisper model, or one that cannot be."""
        if config.get("model_type") != "whisper":
            raise ModelCorrupt(f"{folder} holds no Whisper model, says its config.json.")
        names = ["d_model", "num_mel_bins", "vocab_size"]
        names += (
            f"{side}_{what}"
            for side in ("encoder", "decoder")
            for what in ("layers", "attention_heads", "ffn_dim")
        )
        sizes = [config.get(name) for name in names]
        for name, size in zip(names, sizes, strict=True):
            if not isinstance(size, int) or not 0 < size < 1_000_000:
                raise ModelCorrupt(f"'{name}' in {folder / 'config.json'} is missing or wrong.")
        for name, wanted in (
            ("max_source_positions", AUDIO_POSITIONS),
            ("max_target_positions", TEXT_POSITIONS),
            ("activation_function", "gelu"),
        ):
            if config.get(name, wanted) != wanted:
                raise ModelCorrupt(f"The model in {folder} is built otherwise than Whisper ('{name}').")
        shape = cls(*(int(size) for size in sizes if size is not None))
        if shape.width % shape.encoder_heads or shape.width % shape.decoder_heads:
            raise ModelCorrupt(f"The heads in {folder / 'config.json'} do not fit the width.")
        return shape


def build_spec(shape: Shape, weights: Weights) -> tuple[Any, bool]:
    """CTranslate2's ``WhisperSpec`` with all weights, without vocabulary and configuration; and whether its
    output layer is the table of its input, as in Whisper's own models.

    Raises:
        ModelCorrupt: a tensor is missing or has another shape than ``config.json`` says.
    """
    from ctranslate2.specs.whisper_spec import WhisperSpec

    spec = WhisperSpec(shape.encoder_layers, shape.encoder_heads, shape.decoder_layers, shape.decoder_heads)
    # A bare WhisperModel was saved without the outer name.
    prefix = "" if "encoder.conv1.weight" in weights else "model."
    encoder = _Part(weights, f"{prefix}encoder", shape.width)
    decoder = _Part(weights, f"{prefix}decoder", shape.width)
    for name, inputs in (("conv1", shape.mels), ("conv2", shape.width)):
        convolution = getattr(spec.encoder, name)
        convolution.weight = weights.get(f"{encoder.name}.{name}.weight", shape.width, inputs, 3)
        convolution.bias = weights.get(f"{encoder.name}.{name}.bias", shape.width)
    for target, part, positions, inner in (
        (spec.encoder, encoder, AUDIO_POSITIONS, shape.encoder_inner),
        (spec.decoder, decoder, TEXT_POSITIONS, shape.decoder_inner),
    ):
        target.position_encodings.encodings = weights.get(
            f"{part.name}.embed_positions.weight", positions, shape.width
        )
        part.norm(target.layer_norm, "layer_norm")
        for index, layer in enumerate(target.layer):
            part.block(layer, f"layers.{index}", inner)
    for index, layer in enumerate(spec.decoder.layer):
        decoder.cross_attention(layer.attention, f"layers.{index}")
    table = f"{decoder.name}.embed_tokens.weight"
    spec.decoder.embeddings.weight = weights.get(table, shape.vocabulary, shape.width)
    tied = "proj_out.weight" not in weights
    projection = table if tied else "proj_out.weight"
    spec.decoder.projection.weight = weights.get(projection, shape.vocabulary, shape.width)
    return spec, tied


class _Part:
    """The encoder's or the decoder's weights."""

    def __init__(self, weights: Weights, name: str, width: int) -> None:
        self.name = name
        self._weights = weights
        self._width = width

    def norm(self, target: Any, name: str) -> None:
        target.gamma = self._weights.get(f"{self.name}.{name}.weight", self._width)
        target.beta = self._weights.get(f"{self.name}.{name}.bias", self._width)

    def block(self, layer: Any, name: str, inner: int) -> None:
        """What both kinds of layer have: attention to themselves, and the two layers behind it."""
        own = layer.self_attention
        own.linear[0].weight, own.linear[0].bias = self._fused(f"{name}.self_attn", "qkv")
        self._linear(own.linear[1], f"{name}.self_attn.out_proj", self._width, self._width)
        self.norm(own.layer_norm, f"{name}.self_attn_layer_norm")
        self._linear(layer.ffn.linear_0, f"{name}.fc1", inner, self._width)
        self._linear(layer.ffn.linear_1, f"{name}.fc2", self._width, inner)
        self.norm(layer.ffn.layer_norm, f"{name}.final_layer_norm")

    def cross_attention(self, attention: Any, name: str) -> None:
        attention.linear[0].weight, attention.linear[0].bias = self._fused(f"{name}.encoder_attn", "q")
        attention.linear[1].weight, attention.linear[1].bias = self._fused(f"{name}.encoder_attn", "kv")
        self._linear(attention.linear[2], f"{name}.encoder_attn.out_proj", self._width, self._width)
        self.norm(attention.layer_norm, f"{name}.encoder_attn_layer_norm")

    def _linear(self, target: Any, name: str, outputs: int, inputs: int) -> None:
        target.weight = self._weights.get(f"{self.name}.{name}.weight", outputs, inputs)
        target.bias = self._weights.get(f"{self.name}.{name}.bias", outputs)

    def _fused(self, name: str, projections: str) -> tuple[Array, Array]:
        """Several projections as one, in CTranslate2's order. Whisper's keys have no bias."""
        width, whole = self._width, f"{self.name}.{name}"
        weight = [self._weights.get(f"{whole}.{one}_proj.weight", width, width) for one in projections]
        bias = [
            np.zeros(width, self._weights.dtype)
            if one == "k"
            else self._weights.get(f"{whole}.{one}_proj.bias", width)
            for one in projections
        ]
        return np.concatenate(weight), np.concatenate(bias)


def configure(spec: Any, shape: Shape, folder: Path, tokens: list[str]) -> None:
    """What CTranslate2 must know beside the weights, from ``generation_config.json``, else ``config.json``.

    Raises:
        ModelCorrupt: an entry points outside the model, which CTranslate2 would not notice.
    """
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    said = read_json(folder / "config.json") | read_json(folder / "generation_config.json")
    ids = {token: index for index, token in enumerate(tokens)}
    languages = said.get("lang_to_id")
    if isinstance(languages, dict) and languages:
        spoken = _numbers(languages.values(), shape.vocabulary, "lang_to_id")
    else:
        spoken = [ids[name] for code in _LANGUAGE_CODES if (name := f"<|{code}|>") in ids]
    spec.config.lang_ids = sorted(spoken)
    spec.config.suppress_ids = _numbers(said.get("suppress_tokens"), shape.vocabulary, "suppress_tokens")
    spec.config.suppress_ids_begin = _numbers(
        said.get("begin_suppress_tokens"), shape.vocabulary, "begin_suppress_tokens"
    )
    spec.config.alignment_heads = _alignment_heads(said.get("alignment_heads"), shape)


def _numbers(found: Any, below: int, name: str) -> list[int]:
    # -1 stands for "those that are usual", which we suppress anyway.
    numbers = [number for number in found or () if number != -1]
    if not all(isinstance(number, int) and 0 <= number < below for number in numbers):
        raise ModelCorrupt(f"'{name}' in generation_config.json is wrong.")
    return numbers


def _alignment_heads(found: Any, shape: Shape) -> list[tuple[int, int]]:
    """The heads that follow the audio, as (layer, head). Where nobody says, all of the upper half, which time
    words somewhat less exactly."""
    if not found:
        layers = range(shape.decoder_layers // 2, shape.decoder_layers)
        return list(itertools.product(layers, range(shape.decoder_heads)))
    try:
        heads = [(int(layer), int(head)) for layer, head in found]
    except (TypeError, ValueError) as err:
        raise ModelCorrupt("'alignment_heads' in generation_config.json is wrong.") from err
    if not all(
        0 <= layer < shape.decoder_layers and 0 <= head < shape.decoder_heads for layer, head in heads
    ):
        raise ModelCorrupt("'alignment_heads' in generation_config.json names heads that the model lacks.")
    return heads
