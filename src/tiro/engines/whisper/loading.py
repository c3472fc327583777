"""Loading a Whisper model onto the device that suits it, with as much at once as that bears."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines.base import EngineOptions
from tiro.engines.processors import processors
from tiro.engines.whisper.decoding import Decoder
from tiro.engines.whisper.encoder import ONNXRUNTIME, Loaded, choose_encoder
from tiro.engines.whisper.engine import WhisperEngine, WhisperTraits
from tiro.engines.whisper.features import FRAMES, FeatureExtraction
from tiro.engines.whisper.prompts import Prompts
from tiro.engines.whisper.storage import storage
from tiro.errors import EngineFailed, ModelCorrupt

_log = logging.getLogger(__name__)

CPU_BATCH = 4
"""Windows in a batch of one worker on a processor: more need more memory and are hardly faster."""

CUDA_BATCH = 16


def load_engine(path: Path, name: str, options: EngineOptions, *, translates: bool) -> WhisperEngine:
    """Load the model in the folder ``path``.

    Args:
        name: what it is called in results.
        translates: whether it was trained to, where it knows several languages.

    Raises:
        ModelCorrupt, EngineFailed.
    """
    try:
        return _load(path, name, options, translates=translates)
    except EngineFailed:
        raise
    except Exception as err:  # the tokenizer library raises plain Exception on a damaged file
        if isinstance(err, MemoryError) or any(word in str(err) for word in ("memory", "alloc")):
            raise EngineFailed(
                f"There is not enough memory for the Whisper model '{name}'. Choose a smaller one, or int8 "
                f"with TIRO_ENGINE_COMPUTE_TYPE. ({str(err) or type(err).__name__})"
            ) from err
        if "CUDA" in str(err):
            raise EngineFailed(f"The Whisper model '{name}' could not be loaded: {err}") from err
        raise ModelCorrupt(
            f"The Whisper model in {path} is damaged ({err}). Remove the folder and pull or copy it again."
        ) from err


def _load(path: Path, name: str, options: EngineOptions, *, translates: bool) -> WhisperEngine:
    import tokenizers

    device, compute_type = choose_device(options)
    workers, threads = split_cores(options.threads or processors()) if device == "cpu" else (1, 1)
    model = _model(path, device, compute_type, workers, threads)
    if device == "cuda" and options.compute_type == "auto" and not is_sound(model):
        _log.warning("engine.precision: %s gives no numbers on this GPU, float32 is used", compute_type)
        del model
        model = _model(path, device, "float32", workers, threads)
    prompts = Prompts(
        tokenizers.Tokenizer.from_file(str(path / "tokenizer.json")), multilingual=model.is_multilingual
    )
    library, encode = choose_encoder(Loaded(model, path, device, compute_type, workers, threads), options)
    used = ("ctranslate2", library) if library == ONNXRUNTIME else ("ctranslate2",)
    traits = WhisperTraits(
        name=name,
        version=", ".join(f"{package} {importlib.metadata.version(package)}" for package in used),
        multilingual=model.is_multilingual,
        translates=model.is_multilingual and translates,
        batch=CPU_BATCH * workers if device == "cpu" else CUDA_BATCH,
        workers=workers,
    )
    decoder = Decoder(model, encode, prompts, aligns=knows_alignment(path))
    return WhisperEngine(decoder, FeatureExtraction(model.n_mels), prompts, traits)


def _model(path: Path, device: str, compute_type: str, workers: int, threads: int) -> Any:
    import ctranslate2

    return ctranslate2.models.Whisper(
        str(path), device=device, compute_type=compute_type, inter_threads=workers, intra_threads=threads
    )


def is_sound(model: Any) -> bool:
    """Whether the model computes numbers at all; some GPUs give NaN for every float16."""
    import ctranslate2

    noise = np.random.default_rng(0).normal(0.0, 0.5, (1, model.n_mels, FRAMES)).astype(np.float32)
    encoded = model.encode(storage(noise)).to(ctranslate2.DataType.float32)
    return bool(np.isfinite(np.asarray(encoded.to_device(ctranslate2.Device.cpu))).all())


def knows_alignment(path: Path) -> bool:
    """Whether the model's configuration names the attention heads by which words are timed."""
    config = json.loads((path / "config.json").read_text())
    return bool(config.get("alignment_heads"))


def choose_device(options: EngineOptions) -> tuple[str, str]:
    """The device and CTranslate2's compute type: int8 on a processor, float16 or the nearest on a GPU."""
    import ctranslate2

    device = options.device
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
    if options.compute_type != "auto":
        return device, options.compute_type
    try:
        supported = ctranslate2.get_supported_compute_types(device)
    except (RuntimeError, ValueError) as err:
        raise EngineFailed(f"The device '{device}' cannot be used here: {err}") from err
    preferred = ("float16", "int8_float16") if device == "cuda" else ("int8",)
    return device, next((kind for kind in preferred if kind in supported), "float32")


def split_cores(cores: int) -> tuple[int, int]:
    """Workers and threads of each, their product ``cores``.

    A worker of one thread wastes nothing on waiting for others, but each needs memory for a batch of its
    own, and a window that comes alone gets only one: so at most four.
    """
    workers = max(count for count in (1, 2, 3, 4) if cores % count == 0)
    return workers, cores // workers
