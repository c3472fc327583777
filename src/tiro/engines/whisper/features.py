"""Audio into what Whisper's encoder takes: mel spectrograms of 30 seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tiro.speech.types import SAMPLE_RATE, Audio

FRAME_RATE = 100
"""Frames a second of a mel spectrogram."""

FRAMES = 30 * FRAME_RATE

Mel = npt.NDArray[np.float32]
"""Log-mel spectrogram scaled as Whisper was trained, shape ``(mels, FRAMES)``, contiguous."""

_RANGE = 2.0  # what is quieter than the loudest frame by more than this (80 dB) is lifted to there
_SILENCE = -1.5  # digital silence
_EDGE = 400  # samples of silence behind the audio: as many as a frame sees
_HOP = SAMPLE_RATE // FRAME_RATE


class FeatureExtraction:
    """Thread-safe.

    Args:
        mels: frequency bands that the model takes, 80 or 128.
    """

    def __init__(self, mels: int) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        self._extract = FeatureExtractor(feature_size=mels)

    def __call__(self, audio: Audio) -> tuple[Mel, int]:
        """The spectrogram of at most 30 s of audio, filled up with silence, and its frames without that."""
        # The constructor's arguments say all; given others, a call would change the extractor's state.
        found = self._extract(audio, padding=_EDGE)[:, :FRAMES].astype(np.float32, copy=False)
        # Whisper was trained on audio that silence filled up, which is the quietest value there can be.
        floor = max(float(found.max()) - _RANGE, _SILENCE)
        mel = np.full((found.shape[0], FRAMES), floor, np.float32)
        mel[:, : found.shape[1]] = found
        return mel, min(FRAMES, -(-len(audio) // _HOP))
