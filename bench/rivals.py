"""The others on Tiro's work: CTranslate2 alone over ready features, and faster-whisper's batched pipeline.

Both are tuned before they are measured, so that Tiro is held against the best of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tiro.engines.base import EngineOptions
from tiro.engines.whisper.encoder import Encoder, Loaded, choose_encoder
from tiro.engines.whisper.features import Mel
from tiro.engines.whisper.loading import CPU_BATCH
from tiro.engines.whisper.prompts import Prompts

_RAW_BATCHES = (CPU_BATCH, 2 * CPU_BATCH)
_PIPELINE_BATCHES = (4, 8, 16)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: wall time, windows, and tokens of text in all of them."""

    seconds: float
    windows: int
    tokens: int


class Raw:
    """``generate`` of CTranslate2 in ``workers`` threads, greedily, over batches of windows."""

    def __init__(self, model: Path, options: EngineOptions, workers: int, threads: int) -> None:
        import ctranslate2
        import tokenizers

        self._model = ctranslate2.models.Whisper(
            str(model), device="cpu", compute_type="int8", inter_threads=workers, intra_threads=threads
        )
        tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
        self._prompt = Prompts(tokenizer, multilingual=True).whole([], "en", "transcribe")
        loaded = Loaded(self._model, model, "cpu", "int8", workers, threads)
        self._encode: Encoder
        _, self._encode = choose_encoder(loaded, options)
        self._workers, self._threads = workers, threads
        self.batch = CPU_BATCH

    @property
    def settings(self) -> str:
        return f"{self._workers} x {self._threads} threads, batches of {self.batch}"

    def run(self, mels: Sequence[Mel]) -> Ran:
        started = time.perf_counter()
        pieces = [mels[first : first + self.batch] for first in range(0, len(mels), self.batch)]
        with ThreadPoolExecutor(self._workers) as pool:
            tokens = sum(pool.map(self._generate, pieces))
        return Ran(time.perf_counter() - started, len(mels), tokens)

    def _generate(self, mels: Sequence[Mel]) -> int:
        results = self._model.generate(
            self._encode(mels),
            [self._prompt] * len(mels),
            beam_size=1,
            max_length=224,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return sum(len(result.sequences_ids[0]) for result in results)


def best_raw(model: Path, options: EngineOptions, mels: Sequence[Mel]) -> Raw:
    """The fastest of all splits of the processors into workers, and of some sizes of a batch."""
    cores = psutil.cpu_count() or 1
    best: tuple[float, int, Raw] | None = None
    for workers in (count for count in range(1, cores + 1) if cores % count == 0):
        raw = Raw(model, options, workers, cores // workers)
        raw.run(mels[:1])
        for batch in _RAW_BATCHES:
            raw.batch = batch
            seconds = raw.run(mels).seconds
            if best is None or seconds < best[0]:
                best = seconds, batch, raw
    assert best is not None
    best[2].batch = best[1]
    return best[2]


class FasterWhisper:
    """Its batched pipeline as ``settings`` says, greedily, with its own voice activity detection."""

    def __init__(self, model: Path, threads: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        self._pipeline = BatchedInferencePipeline(
            WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)
        )
        self._threads = threads
        self.batch = _PIPELINE_BATCHES[0]

    @property
    def settings(self) -> str:
        return f"{self._threads} threads, batches of {self.batch}"

    def run(self, recording: Path) -> Ran:
        started = time.perf_counter()
        options: dict[str, Any] = {"beam_size": 1, "language": "en", "word_timestamps": False}
        segments, _ = self._pipeline.transcribe(
            str(recording), batch_size=self.batch, without_timestamps=True, **options
        )
        lengths = [len(segment.tokens) for segment in segments]
        return Ran(time.perf_counter() - started, len(lengths), sum(lengths))


def best_faster_whisper(model: Path, recording: Path) -> FasterWhisper:
    """The fastest of some numbers of threads and sizes of a batch on this recording."""
    cores = psutil.cpu_count() or 1
    best: tuple[float, int, FasterWhisper] | None = None
    for threads in sorted({max(1, cores // 2), cores}):
        one = FasterWhisper(model, threads)
        for batch in _PIPELINE_BATCHES:
            one.batch = batch
            seconds = one.run(recording).seconds
            if best is None or seconds < best[0]:
                best = seconds, batch, one
    assert best is not None
    best[2].batch = best[1]
    return best[2]
