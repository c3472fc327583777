"""A Whisper model in the Transformers library's format for tests, made from a CTranslate2 specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests import tinywhisper

Tensors = dict[str, np.ndarray[Any, Any]]


def random_spec(
    encoder_layers: int, decoder_layers: int, heads: int, tokens: list[str], *, tied: bool
) -> Any:
    """A specification whose every weight is another, so that a swap of two shows."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    random = np.random.default_rng(1)
    width = tinywhisper.WIDTH

    def fresh(*shape: int) -> np.ndarray[Any, Any]:
        return (random.standard_normal(shape) / 10).astype(np.float16).astype(np.float32)

    def linear(target: Any, outputs: int, inputs: int) -> None:
        target.weight, target.bias = fresh(outputs, inputs), fresh(outputs)

    def norm(target: Any) -> None:
        target.gamma, target.beta = 1 + fresh(width), fresh(width)

    spec = WhisperSpec(encoder_layers, heads, decoder_layers, heads)
    for convolution, inputs in ((spec.encoder.conv1, tinywhisper.MELS), (spec.encoder.conv2, width)):
        convolution.weight, convolution.bias = fresh(width, inputs, 3), fresh(width)
    for side, places in ((spec.encoder, 1500), (spec.decoder, 448)):
        side.position_encodings.encodings = fresh(places, width)
        norm(side.layer_norm)
        for layer in side.layer:
            linear(layer.self_attention.linear[0], 3 * width, width)
            layer.self_attention.linear[0].bias[width : 2 * width] = 0  # keys have none
            linear(layer.self_attention.linear[1], width, width)
            linear(layer.ffn.linear_0, 4 * width, width)
            linear(layer.ffn.linear_1, width, 4 * width)
            norm(layer.self_attention.layer_norm)
            norm(layer.ffn.layer_norm)
    for layer in spec.decoder.layer:
        linear(layer.attention.linear[0], width, width)
        linear(layer.attention.linear[1], 2 * width, width)
        layer.attention.linear[1].bias[:width] = 0
        linear(layer.attention.linear[2], width, width)
        norm(layer.attention.layer_norm)
    spec.decoder.embeddings.weight = fresh(len(tokens), width)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight if tied else fresh(len(tokens), width)
    return spec


def tensors_of(spec: Any, *, tied: bool) -> Tensors:
    """The weights of ``spec`` under the names that the Transformers library gives them."""
    found: Tensors = {}

    def put(name: str, target: Any, *, kind: str = "weight bias") -> None:
        for field, suffix in zip(kind.split(), ("weight", "bias"), strict=True):
            found[f"model.{name}.{suffix}"] = getattr(target, field)

    def split(name: str, target: Any, projections: str) -> None:
        weights = np.split(target.weight, len(projections))
        biases = np.split(target.bias, len(projections))
        for one, weight, bias in zip(projections, weights, biases, strict=True):
            found[f"model.{name}.{one}_proj.weight"] = weight
            if one != "k":
                found[f"model.{name}.{one}_proj.bias"] = bias

    put("encoder.conv1", spec.encoder.conv1)
    put("encoder.conv2", spec.encoder.conv2)
    for side, target in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        found[f"model.{side}.embed_positions.weight"] = target.position_encodings.encodings
        put(f"{side}.layer_norm", target.layer_norm, kind="gamma beta")
        for index, layer in enumerate(target.layer):
            name = f"{side}.layers.{index}"
            split(f"{name}.self_attn", layer.self_attention.linear[0], "qkv")
            put(f"{name}.self_attn.out_proj", layer.self_attention.linear[1])
            put(f"{name}.self_attn_layer_norm", layer.self_attention.layer_norm, kind="gamma beta")
            put(f"{name}.fc1", layer.ffn.linear_0)
            put(f"{name}.fc2", layer.ffn.linear_1)
            put(f"{name}.final_layer_norm", layer.ffn.layer_norm, kind="gamma beta")
            if side == "decoder":
                split(f"{name}.encoder_attn", layer.attention.linear[0], "q")
                split(f"{name}.encoder_attn", layer.attention.linear[1], "kv")
                put(f"{name}.encoder_attn.out_proj", layer.attention.linear[2])
                put(f"{name}.encoder_attn_layer_norm", layer.attention.layer_norm, kind="gamma beta")
    found["model.decoder.embed_tokens.weight"] = spec.decoder.embeddings.weight
    if not tied:
        found["proj_out.weight"] = spec.decoder.projection.weight
    return found


def write_safetensors(file: Path, tensors: Tensors, kind: str = "F32") -> None:
    """Args:
    kind: how the numbers are stored: F32, F16 or BF16 (cut off, not rounded).
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    pieces, place = [], 0
    for name, array in tensors.items():
        whole = np.ascontiguousarray(array, np.float32)
        if kind == "BF16":
            piece = (whole.view(np.uint32) >> 16).astype("<u2").tobytes()
        else:
            piece = whole.astype("<f2" if kind == "F16" else "<f4").tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [place, place + len(piece)],
        }
        pieces.append(piece)
        place += len(piece)
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(pieces))


def write_shards(folder: Path, tensors: Tensors) -> None:
    """Two files and their index."""
    names = list(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in shards.items():
        write_safetensors(folder / file, {name: tensors[name] for name in held})
    weight_map = {name: file for file, held in shards.items() for name in held}
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_config(folder: Path, spec: Any, tokens: list[str], **generation: Any) -> None:
    width = tinywhisper.WIDTH
    config: dict[str, Any] = {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "d_model": width,
        "num_mel_bins": tinywhisper.MELS,
        "vocab_size": len(tokens),
        "max_source_positions": 1500,
        "max_target_positions": 448,
        "activation_function": "gelu",
    }
    for name, side in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        config[f"{name}_layers"] = len(side.layer)
        config[f"{name}_attention_heads"] = int(np.asarray(side.num_heads))
        config[f"{name}_ffn_dim"] = 4 * width
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps(generation))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": tinywhisper.MELS}))
