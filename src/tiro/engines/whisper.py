"""Whisper on faster-whisper and CTranslate2: the main engine."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiro.engines import catalogue
from tiro.engines.base import Availability, Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.processors import processors
from tiro.errors import (
    EngineFailed,
    ModelCorrupt,
    ModelUnavailable,
    UnknownEngine,
    UnsupportedLanguage,
    UnsupportedOption,
)
from tiro.speech.types import SAMPLE_RATE, Quality, Segment, Word


class WhisperEngine:
    """One loaded model. One request at a time; all threads work on it.

    It may invent text where nobody speaks: windows come through the voice activity gate first.
    """

    def __init__(self, model: Any, name: str, *, translates: bool) -> None:
        self._model = model
        self._name = name
        self._multilingual = bool(model.model.is_multilingual)
        self._languages = frozenset(model.supported_languages)
        self._translates = self._multilingual and translates

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            model=f"whisper {self._name} (faster-whisper {importlib.metadata.version('faster-whisper')})",
            languages=self._languages,
            detects_language=self._multilingual,
            translates=self._translates,
            max_window=30.0,
            join_gap=1.0,
            parallel=1,
        )

    def transcribe(self, request: TranscribeRequest) -> Iterator[Segment]:
        if request.language is not None and request.language not in self._languages:
            knows = "many languages, but not" if self._multilingual else "English ('en') only, not"
            raise UnsupportedLanguage(f"The Whisper model '{self._name}' knows {knows} '{request.language}'.")
        if request.task == "translate" and not self._translates:
            raise UnsupportedOption(
                f"The Whisper model '{self._name}' cannot translate; 'small' and 'large-v3' can."
            )
        return self._decode(request)

    def _decode(self, request: TranscribeRequest) -> Iterator[Segment]:
        if not len(request.audio):
            return
        try:
            segments, info = self._model.transcribe(
                request.audio,
                language=request.language or (None if self._multilingual else "en"),
                task=request.task,
                vad_filter=False,
                condition_on_previous_text=False,
                word_timestamps=True,
            )
            yield from in_order(segments, len(request.audio) / SAMPLE_RATE, info.language)
        except RuntimeError as err:  # what CTranslate2 raises, out of memory included
            raise EngineFailed(f"Whisper failed on this window: {err}") from err


def in_order(segments: Any, duration: float, language: str) -> Iterator[Segment]:
    """The library's segments as ours: inside the window, none over another, none empty."""
    reached = 0.0
    for found in segments:
        text = found.text.strip()
        start = min(max(float(found.start), reached), duration)
        end = min(max(float(found.end), start), duration)
        if not text:
            continue
        words = tuple(words_within(found.words or (), start, end))
        confidences = [word.confidence for word in words if word.confidence is not None]
        yield Segment(
            start,
            end,
            text,
            words,
            confidence=sum(confidences) / len(confidences) if confidences else None,
            language=language,
            quality=Quality(
                avg_logprob=finite(found.avg_logprob),
                no_speech_prob=finite(found.no_speech_prob),
                compression_ratio=finite(found.compression_ratio),
                temperature=finite(found.temperature),
            ),
        )
        reached = end


def words_within(words: Any, start: float, end: float) -> Iterator[Word]:
    """Plain words in time order inside a segment; the library's times are numpy's and may stick out."""
    reached = start
    for found in words:
        text = found.word.strip()
        if not text:
            continue
        begin = min(max(float(found.start), reached), end)
        reached = min(max(float(found.end), begin), end)
        yield Word(begin, reached, text, min(1.0, max(0.0, float(found.probability))))


def finite(value: Any) -> float | None:
    """``value`` as a plain float; None where the library has none, or one that JSON cannot carry."""
    return float(value) if value is not None and math.isfinite(value) else None


def choose_device(options: EngineOptions) -> tuple[str, str]:
    """The device and CTranslate2's compute type: int8 on a processor, float16 on a GPU, else float32."""
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
    preferred = "float16" if device == "cuda" else "int8"
    return device, preferred if preferred in supported else "float32"


class WhisperProvider:
    """There where a model is on this machine, or can be fetched."""

    name = "whisper"

    def availability(self, model: str | None, options: EngineOptions) -> Availability:
        name = model or catalogue.DEFAULT
        if path := catalogue.find(name, options.models):
            return Availability(True, f"{name} in {path}")
        if catalogue.is_path(name):
            return Availability(False, self._what_is_wrong(Path(name).expanduser()))
        if catalogue.canonical(name) not in catalogue.MODELS:
            known = ", ".join(catalogue.MODELS)
            raise UnknownEngine(f"No Whisper model is called '{name}'. Known: {known}; or name a folder.")
        return Availability(False, catalogue.how_to_get(name, options.models), downloadable=options.download)

    def load(self, model: str | None, options: EngineOptions) -> WhisperEngine:
        name = model or catalogue.DEFAULT
        path = self._folder(name, options)
        device, compute_type = choose_device(options)
        known = catalogue.MODELS.get(catalogue.canonical(name))
        from faster_whisper import WhisperModel

        try:
            loaded = WhisperModel(
                str(path),
                device=device,
                compute_type=compute_type,
                cpu_threads=options.threads or processors(),
                num_workers=1,
                local_files_only=True,
            )
        except Exception as err:  # the tokenizer library raises plain Exception on a damaged file
            if isinstance(err, MemoryError) or "CUDA" in str(err) or "memory" in str(err):
                raise EngineFailed(f"The Whisper model '{name}' could not be loaded: {err}") from err
            raise ModelCorrupt(
                f"The Whisper model in {path} is damaged ({err}). "
                "Remove the folder and pull or copy it again."
            ) from err
        return WhisperEngine(
            loaded,
            path.name if catalogue.is_path(name) else name,
            translates=known is None or known.translates,
        )

    def _folder(self, name: str, options: EngineOptions) -> Path:
        if path := catalogue.find(name, options.models):
            return path
        if catalogue.is_path(name) and Path(name).expanduser().is_dir():
            raise ModelCorrupt(self._what_is_wrong(Path(name).expanduser()))
        availability = self.availability(name, options)
        if not availability.downloadable:
            raise ModelUnavailable(availability.detail)
        return catalogue.pull(name, options.models)

    @staticmethod
    def _what_is_wrong(folder: Path) -> str:
        if not folder.is_dir():
            return f"There is no folder {folder}. Name the folder of a Whisper model in CTranslate2's format."
        lacks = ", ".join(catalogue.missing_files(folder))
        return f"{folder} is not a whole Whisper model: {lacks} missing."


PROVIDER = WhisperProvider()
