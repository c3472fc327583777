"""Which library runs the encoder: CTranslate2, or ONNX Runtime with a graph made of the same weights.

On processors the second takes about two thirds of the time, so ``auto`` makes the graph, measures both once,
and remembers which was faster. Whatever goes wrong on that way, CTranslate2 is there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiro.engines.base import EngineOptions
from tiro.engines.processors import adds_eight_bits, processor_name
from tiro.engines.whisper.encoder_graph import INPUT, build
from tiro.engines.whisper.features import FRAMES, Mel
from tiro.engines.whisper.storage import storage
from tiro.kit.lockfile import waiting_for

_log = logging.getLogger(__name__)

Encoder = Callable[[Sequence[Mel]], Any]
"""Spectrograms of a batch into CTranslate2's ``StorageView``, shape ``(batch, 1500, width)``; thread-safe."""

CTRANSLATE2, ONNXRUNTIME = "ctranslate2", "onnxruntime"

_FORMAT = "1"
"""Raise it with every change to the graph."""

_LOCK = ".lock"

_ROUNDS = 2
_LONG = 3.0  # seconds; a round that takes longer is the only one
_MOST_ERROR = 0.2
"""Root mean square of the difference to CTranslate2's states, in units of theirs. Both round to 8 bits, which
makes 0.02 to 0.1; a graph whose sums overflow is off by more than 0.5."""

_WHOLE_NUMBERS = ("int8", "int8_float32")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model as CTranslate2 loaded it from ``folder``."""

    model: Any
    folder: Path
    device: str
    compute_type: str
    workers: int
    threads: int


def choose_encoder(loaded: Loaded, options: EngineOptions) -> tuple[str, Encoder]:
    """The encoder to use, and the name of its library.

    The graph and what was measured are kept beside a model in Tiro's own folders, else in
    ``options.conversions``.
    """
    plain = ctranslate2_encoder(loaded.model)
    if options.encoder == CTRANSLATE2 or not _fits(loaded):
        return CTRANSLATE2, plain
    try:
        kept = _Kept.of(loaded, options)
        if options.encoder == "auto" and kept.chosen == CTRANSLATE2:
            return CTRANSLATE2, plain
        other = _opened(kept, loaded)
        if ONNXRUNTIME in (options.encoder, kept.chosen):
            return ONNXRUNTIME, other
        return (ONNXRUNTIME, other) if kept.choose(loaded, plain, other) else (CTRANSLATE2, plain)
    except Exception as err:  # noqa: BLE001 - ONNX Runtime's errors have no class in common
        _log.warning("engine.encoder: ctranslate2 is used, for the graph cannot be: %s", err)
        return CTRANSLATE2, plain


def _opened(kept: _Kept, loaded: Loaded) -> _OnnxEncoder:
    try:
        return _OnnxEncoder(kept.graph(), loaded.workers, loaded.threads)
    except Exception as err:  # noqa: BLE001 - as above
        _log.warning("engine.encoder: the graph is made anew, for it cannot be read: %s", err)
        kept.graph().unlink(missing_ok=True)
        return _OnnxEncoder(kept.graph(), loaded.workers, loaded.threads)


def _fits(loaded: Loaded) -> bool:
    """Whether the graph would be as exact as what was asked for, on a device that it runs on."""
    return loaded.device == "cpu" and loaded.compute_type in _WHOLE_NUMBERS


def ctranslate2_encoder(model: Any) -> Encoder:
    def encode(mels: Sequence[Mel]) -> Any:
        return model.encode(storage(np.stack(mels)))

    return encode


class _OnnxEncoder:
    """Takes the windows of a batch one by one: a batch is no faster, and needs more memory."""

    def __init__(self, graph: Path, workers: int, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Each worker brings a thread of its own, so this many share the processors between them.
        options.intra_op_num_threads = workers * threads - workers + 1
        options.inter_op_num_threads = 1
        # Threads that wait in a loop would take the decoder's processors.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def __call__(self, mels: Sequence[Mel]) -> Any:
        try:
            states = [self._session.run(None, {INPUT: mel[None]})[0] for mel in mels]
        except Exception as err:  # its errors have no class in common, and are not CTranslate2's
            raise RuntimeError(f"the encoder failed: {err}") from err
        return storage(np.concatenate(states))


@dataclass(slots=True)
class _Kept:
    """What is on disk of a model's graph, and of the choice.

    Attributes:
        circumstances: what the choice depends on; where they change, it is made anew.
    """

    folder: Path
    source: Path
    bits: int
    stamp: str
    circumstances: dict[str, Any]
    chosen: str | None

    @classmethod
    def of(cls, loaded: Loaded, options: EngineOptions) -> _Kept:
        source = loaded.folder / "model.bin"
        status = source.stat()
        bits = 8 if adds_eight_bits() else 7
        stamp = f"{_FORMAT}-{bits}-{status.st_size:x}-{status.st_mtime_ns:x}"
        circumstances = {
            "graph": stamp,
            "processor": processor_name(),
            "workers": loaded.workers,
            "threads": loaded.threads,
            "versions": [importlib.metadata.version(name) for name in (CTRANSLATE2, ONNXRUNTIME)],
        }
        folder = _folder(loaded.folder, options)
        found = _read(folder / "encoder.json")
        chosen = found.get("chosen") if found.get("circumstances") == circumstances else None
        return cls(folder, source, bits, stamp, circumstances, chosen)

    def graph(self) -> Path:
        """The file of the graph, made now if need be. It appears only when it is whole; two that need it at
        once wait for each other."""
        path = self.folder / f"encoder-{self.stamp}.onnx"
        if path.exists():
            return path
        with waiting_for(self.folder / _LOCK):
            if not path.exists():
                self._make(path)
        return path

    def _make(self, path: Path) -> None:
        started = time.monotonic()
        self._write(path, build(self.source, self.bits))
        for older in self.folder.glob("encoder-*.onnx"):
            if older != path:
                older.unlink(missing_ok=True)
        _log.info("engine.encoder: made a graph in %.1f s: %s", time.monotonic() - started, path)

    def choose(self, loaded: Loaded, plain: Encoder, other: Encoder) -> bool:
        """Measure both, and remember: whether ``other`` is the faster one, and as good."""
        seconds, error = measure(loaded, plain, other)
        faster = seconds[1] < seconds[0] and error < _MOST_ERROR
        self.chosen = ONNXRUNTIME if faster else CTRANSLATE2
        _log.info(
            "engine.encoder: %s is used; a window takes %.2f s with ctranslate2, %.2f s with onnxruntime, "
            "whose states differ by %.3f",
            self.chosen,
            *seconds,
            error,
        )
        said = {"circumstances": self.circumstances, "chosen": self.chosen, "seconds": seconds}
        with waiting_for(self.folder / _LOCK):
            self._write(self.folder / "encoder.json", json.dumps(said).encode())
        if not faster:
            self.graph().unlink(missing_ok=True)
        return faster

    def _write(self, path: Path, content: bytes) -> None:
        # One name for all who hold the lock: what a killed process left is overwritten, not left for good.
        partial = self.folder / ".encoder.partial"
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _folder(model: Path, options: EngineOptions) -> Path:
    """Beside the model where the folder is Tiro's own and can be written to: it goes when the model goes."""
    model = model.resolve()
    ours = (options.models.resolve(), options.conversions.resolve())
    if model.parent in ours and os.access(model, os.W_OK):
        return model
    name = hashlib.sha256(str(model).encode()).hexdigest()[:32]
    folder = options.conversions / "encoders" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def measure(loaded: Loaded, plain: Encoder, other: Encoder) -> tuple[tuple[float, float], float]:
    """Seconds a window of both, all workers busy, the better of two interleaved rounds (of a large model, one
    must do); and by how much the states of ``other`` differ from those of ``plain``."""
    noise = np.random.default_rng(0).normal(0.0, 0.5, (loaded.model.n_mels, FRAMES)).astype(np.float32)
    best = [float("inf"), float("inf")]
    states: list[Any] = [None, None]
    with ThreadPoolExecutor(loaded.workers) as pool:
        begun = time.monotonic()
        for _ in range(_ROUNDS):
            for which, encode in enumerate((plain, other)):
                started = time.perf_counter()
                states[which], *_ = pool.map(encode, [[noise]] * loaded.workers)
                took = (time.perf_counter() - started) / loaded.workers
                best[which] = min(best[which], took)
            if time.monotonic() - begun > _LONG:
                break
    expected, found = (np.asarray(one) for one in states)
    error = float(np.sqrt(np.mean(np.square(found - expected)) / np.mean(np.square(expected))))
    return (best[0], best[1]), error if np.isfinite(error) else float("inf")
