"""Cut audio that is too long for an engine, where that hurts least."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tiro.speech.types import SAMPLE_RATE, Audio, Span

_FRAME = SAMPLE_RATE // 10


def pieces(audio: Audio, spans: Sequence[Span], longest: float) -> list[Span]:
    """Pieces of at most ``longest`` seconds that meet and hold all of ``audio``, in seconds from its start.

    Each ends in the last pause that there is behind its first third, else where its last third is quietest.

    Args:
        spans: the speech in ``audio``, in time order, in seconds from its start.
    """
    end = len(audio) / SAMPLE_RATE
    pauses = [(before.end + after.start) / 2 for before, after in pairwise(spans)]
    found: list[Span] = []
    start = 0.0
    while end - start > longest:
        fitting = [pause for pause in pauses if start + longest / 3 < pause <= start + longest]
        cut = fitting[-1] if fitting else _quietest(audio, start + longest * 2 / 3, start + longest)
        found.append(Span(start, cut))
        start = cut
    return [*found, Span(start, end)]


def _quietest(audio: Audio, low: float, high: float) -> float:
    first, last = int(low * SAMPLE_RATE), int(high * SAMPLE_RATE)
    frames = max(1, (last - first) // _FRAME)
    stretch = audio[first : first + frames * _FRAME]
    power = np.square(stretch.reshape(frames, -1)).mean(axis=1)
    return min(high, (first + (int(np.argmin(power)) + 0.5) * _FRAME) / SAMPLE_RATE)
