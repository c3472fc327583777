"""The values of media reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiro.speech.types import Audio, Window

Samples = npt.NDArray[np.int16]
"""Decoded audio at 16 kHz, int16, shape ``(samples, channels)`` with 1 or 2 channels."""


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Caps on what one file may cost. All are metered on what is decoded, never on what a header says.

    Attributes:
        max_duration: seconds of audio after which decoding stops with ``LimitExceeded``.
        max_channels: a file with more is refused.
        max_sample_rate: hertz; a file above is refused.
        memory: bytes of address space of the decoder (RLIMIT_AS).
        cpu_seconds: processor seconds of the decoder (RLIMIT_CPU).
        stall_seconds: wall time without a sign of life after which the decoder is killed.
    """

    max_duration: float = 12 * 3600.0
    max_channels: int = 16
    max_sample_rate: int = 768_000
    memory: int = 2 * 1024**3
    cpu_seconds: int = 3600
    stall_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class WindowSizes:
    """How an engine wants its windows: at most ``max_window`` seconds of audio, and speech that is less than
    ``join_gap`` seconds apart together in one. Of a pause between, at most ``longest_pause`` seconds are left
    in the audio; None: all."""

    max_window: float
    join_gap: float
    longest_pause: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechWindow:
    """A window and its audio. No later window of the same channel begins before ``safe_until``."""

    window: Window
    audio: Audio
    safe_until: float


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """For each channel of the layout: no window that is still to come begins before this time."""

    safe_until: tuple[float, ...]
