"""How likely each 32 ms of a recording is speech, and how loud it is."""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiro.errors import ModelUnavailable
from tiro.speech.types import SAMPLE_RATE, Audio

Levels = npt.NDArray[np.float32]

FRAME = 512
"""Samples of one frame."""

FRAME_SECONDS = FRAME / SAMPLE_RATE

FLOOR = -120.0
"""The level of digital silence, in dB of full scale."""

_CONTEXT = 64  # samples before each frame that the model also sees
_STATE = (1, 1, 128)  # of the model's LSTM, hidden and cell alike


@dataclass(frozen=True, slots=True)
class Frames:
    """Consecutive frames of 512 samples: speech probability in [0, 1], and level (RMS, dB of full scale).

    Both arrays are float32 of shape ``(frames,)``.
    """

    probabilities: Levels
    levels: Levels

    def __len__(self) -> int:
        return len(self.probabilities)


class SpeechProbabilities:
    """Silero's voice activity model over one channel of a recording, piece by piece.

    Pieces may have any length; what does not fill a frame waits for the next. The result does not depend
    on how the audio was cut. One instance serves one channel of one recording, from one thread at a time;
    all instances share the model.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros(_STATE, dtype=np.float32)
        self._cell = np.zeros(_STATE, dtype=np.float32)
        # The last samples that were analysed, then those that still wait for their frame to fill.
        self._rest: Audio = np.zeros(_CONTEXT, dtype=np.float32)

    def feed(self, audio: Audio) -> Frames:
        """The frames that ``audio`` (mono, 16 kHz, any length) completes; possibly none."""
        audio = np.concatenate([self._rest, audio.astype(np.float32, copy=False)])
        count = (len(audio) - _CONTEXT) // FRAME
        self._rest = audio[count * FRAME :]
        if not count:
            return Frames(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32))
        used = audio[: _CONTEXT + count * FRAME]
        windows = np.lib.stride_tricks.sliding_window_view(used, _CONTEXT + FRAME)[::FRAME]
        inputs = {"input": np.ascontiguousarray(windows), "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._session.run(None, inputs)
        return Frames(probabilities.reshape(-1), frame_levels(used[_CONTEXT:]))

    def flush(self) -> Frames:
        """The last frame, filled up with silence; none where the audio ended on a frame. Then start anew."""
        waiting = len(self._rest) - _CONTEXT
        last = self.feed(np.zeros(FRAME - waiting if waiting else 0, dtype=np.float32))
        if waiting:
            # The level is that of the sound there was, not of the silence that was put behind it.
            gain = np.float32(10 * np.log10(FRAME / waiting))
            last = Frames(last.probabilities, np.where(last.levels > FLOOR, last.levels + gain, last.levels))
        self._hidden, self._cell = np.zeros(_STATE, dtype=np.float32), np.zeros(_STATE, dtype=np.float32)
        self._rest = np.zeros(_CONTEXT, dtype=np.float32)
        return last


def frame_levels(audio: Audio) -> Levels:
    """RMS of each complete frame of 512 samples in dB of full scale, never below ``FLOOR``."""
    count = len(audio) // FRAME
    frames = audio[: count * FRAME].reshape(count, FRAME)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float32) / np.float32(FRAME)
    floor = np.float32(10 ** (FLOOR / 10))
    levels: Levels = (10 * np.log10(np.maximum(power, floor))).astype(np.float32)
    return levels


_loading = threading.Lock()


def _session() -> Any:
    with _loading:
        return _load()


@cache
def _load() -> Any:
    """The model, loaded once. It is small: one thread serves 100 and more times real time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(_model()), options, providers=["CPUExecutionProvider"])


def _model() -> Path:
    """Silero's file inside faster-whisper, found without importing that package, which is slow."""
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable(
            "The package faster-whisper, which holds the voice activity model, is missing."
        )
    path = Path(spec.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    if not path.is_file():
        raise ModelUnavailable(f"The voice activity model {path.name} is not in faster-whisper's folder.")
    return path
