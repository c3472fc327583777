"""Speech for tests, of any length, cut from the sample call that ships with Tiro."""

from __future__ import annotations

import io
import wave
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

from tiro.speech.types import Audio

RATE = 16_000
SAMPLE = files("tiro") / "samples" / "support-call.flac"


@cache
def call() -> npt.NDArray[np.int16]:
    """The sample call, shape ``(samples, 2)``."""
    with as_file(SAMPLE) as path, av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", "stereo", RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])


@cache
def turns(side: Literal["left", "right"]) -> list[tuple[float, Audio]]:
    """What one side says, turn by turn, with a little silence on both sides, and when it starts (seconds)."""
    audio = call()[:, ("left", "right").index(side)].astype(np.float32) / np.float32(32768)
    speaking = np.flatnonzero(audio)
    breaks = np.flatnonzero(np.diff(speaking) > RATE)
    starts, ends = speaking[np.r_[0, breaks + 1]], speaking[np.r_[breaks, -1]]
    margin = RATE // 4
    return [
        (float(start) / RATE, audio[start - margin : end + margin])
        for start, end in zip(starts, ends, strict=True)
    ]


def samples(seconds: float, channels: int = 1) -> npt.NDArray[np.int16]:
    """Speech of this length, the call over and over, shape ``(samples, channels)``."""
    source = call() if channels == 2 else call().astype(np.int32).sum(axis=1, keepdims=True).astype(np.int16)
    wanted = round(seconds * RATE)
    return np.tile(source, (wanted // len(source) + 1, 1))[:wanted]


def wav_bytes(audio: npt.NDArray[np.int16]) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio.tobytes())
    return buffer.getvalue()


@cache
def wav(seconds: float, channels: int = 1) -> bytes:
    """A WAV file with speech of this length."""
    return wav_bytes(samples(seconds, channels))


def silence(seconds: float) -> bytes:
    return wav_bytes(np.zeros((round(seconds * RATE), 1), np.int16))
