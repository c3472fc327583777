"""What the channels of a recording are: one scene to be mixed, or two sides of a call to be kept apart.

Two numbers tell them apart, both taken from the levels of short frames in which something sounds. In one
scene the levels of both channels rise and fall together, and their difference stays nearly the same: so for
dual mono at any gain, through any codec, for music and for a room heard by two microphones. On a call each
side has its own rhythm and the difference swings from one side to the other, also when each side hears an
echo of the other 15 dB down. Correlation of the waveforms, the usual measure, fails on both counts: an echo
on the line correlates perfectly, and a reverberant room hardly at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiro.speech.merging import ChannelMerger, Released
from tiro.speech.types import SAMPLE_RATE, Audio, ChannelLayout, ChannelMode

__all__ = ["LEFT_RIGHT", "ChannelMerger", "LayoutDetector", "Released", "mixdown", "plan_layout"]

LEFT_RIGHT = ("left", "right")

_FRAME = 1024  # samples: 64 ms, about a syllable's onset
_FRAME_SECONDS = _FRAME / SAMPLE_RATE
_STEP = 8  # frames between two looks at the evidence
_PRE_EMPHASIS = 0.95  # takes out hum, which both channels may share
_FLOOR = -65.0  # dB, after pre-emphasis: below is silence
_DYNAMICS = 25.0  # dB below a channel's loud frames that still count as its sound
_DOMINANT = 10.0  # dB: one channel is so much louder that the sound is its own, the rest echo at most
_SWING = 8.0  # dB: standard deviation of the level difference; one scene stays below, a call above
_SPLIT_AFTER = 4.0  # seconds of sound, with both sides heard
_MIX_AFTER = 10.0  # seconds of sound: longer, for a call may begin with one announcement to both sides
_HEARD = 0.8  # seconds of dominance after which a side counts as heard
_QUIET_MIX = -6.0  # dB below the louder channel at which a mix has cancelled itself

Block = npt.NDArray[np.int16]


def plan_layout(mode: ChannelMode, channels: int) -> ChannelLayout | None:
    """The layout where nothing must be heard first; None where a ``LayoutDetector`` has to decide.

    More than two channels count as two: decoding has mixed them down to two before.
    """
    if channels < 2:
        return ChannelLayout("mix", (None,), "the recording has one channel")
    if mode == "mix":
        return ChannelLayout("mix", (None,), "asked for")
    if mode == "split":
        return ChannelLayout("split", LEFT_RIGHT, "asked for")
    return None


def mixdown(block: Block) -> Audio:
    """Mix int16 ``(samples, channels)`` to mono float32 ``(samples,)``.

    The plain mean, which cannot clip. Where the channels are each other's opposite (one wired the wrong way
    round) the mean would be silence, so there the second is turned round first. That is decided for each
    block from its energies; blocks of 0.1 s or more are long enough for it to come out the same throughout.
    """
    samples = block.astype(np.float32) / np.float32(32768.0)
    if samples.ndim == 1 or samples.shape[1] == 1:
        return samples.reshape(-1)
    mean: Audio = samples.mean(axis=1, dtype=np.float32)
    if samples.shape[1] != 2 or not len(samples):
        return mean
    energy = float(np.square(mean, dtype=np.float64).sum())
    loudest = float(np.square(samples, dtype=np.float64).sum(axis=0).max())
    # A lone channel mixed with silence is exactly 6 dB down: that is no cancelling.
    if energy < 0.9 * 10 ** (_QUIET_MIX / 10) * loudest:
        turned: Audio = (samples[:, 0] - samples[:, 1]) * np.float32(0.5)
        if float(np.square(turned, dtype=np.float64).sum()) > energy:
            return turned
    return mean


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What was heard so far. Seconds, dB, and correlations in [-1, 1]."""

    sound: float
    left: float
    right: float
    together: float
    swing: float
    offset: float
    copy: float


class LayoutDetector:
    """Decide from the audio itself whether two channels are one scene or a call, as early as can be told.

    The caller holds back the audio until there is an answer. The answer depends on the samples alone, not
    on how they are cut into blocks. A silent channel is waited for; after ``max_wait`` seconds the channels
    are split, for a silent channel costs nothing behind voice activity detection.
    """

    def __init__(self, max_wait: float = 60.0) -> None:
        self._last_look = max(1, int(max_wait / _FRAME_SECONDS))
        self._decided: ChannelLayout | None = None
        self._rest: Block = np.zeros((0, 2), dtype=np.int16)
        self._before = np.zeros(2, dtype=np.float32)  # last sample of the previous frame
        self._levels: list[tuple[float, float]] = []
        self._copies: list[float] = []

    def feed(self, block: Block) -> ChannelLayout | None:
        """Take int16 ``(samples, 2)``; the layout once it is known, and from then on always the same."""
        if self._decided is not None:
            return self._decided
        audio = np.concatenate([self._rest, block])
        whole = len(audio) // _FRAME
        for number in range(whole):
            self._measure(audio[number * _FRAME : (number + 1) * _FRAME])
            if len(self._levels) >= self._last_look:
                self._decided = self._final()
            elif len(self._levels) % _STEP == 0:
                self._decided = self._early()
            if self._decided is not None:
                self._rest = self._rest[:0]
                return self._decided
        self._rest = audio[whole * _FRAME :]
        return None

    def finish(self) -> ChannelLayout:
        """The recording has ended: decide with what there is."""
        if self._decided is None:
            if len(self._rest):
                padded = np.zeros((_FRAME, 2), dtype=np.int16)
                padded[: len(self._rest)] = self._rest
                self._measure(padded)
            self._decided = self._final()
        return self._decided

    def _measure(self, frame: Block) -> None:
        samples = frame.astype(np.float32) / np.float32(32768.0)
        earlier = np.vstack([self._before, samples[:-1]])
        self._before = samples[-1]
        sharp = (samples - np.float32(_PRE_EMPHASIS) * earlier).astype(np.float64)
        energies = np.square(sharp).sum(axis=0)
        left, right = (10 * np.log10(energies / _FRAME + 1e-12)).tolist()
        self._levels.append((left, right))
        both = float(energies[0] * energies[1])
        self._copies.append(float(sharp[:, 0] @ sharp[:, 1]) ** 2 / both if both > 0 else 0.0)

    def _evidence(self) -> _Evidence:
        levels = np.array(self._levels)
        low = np.maximum(np.percentile(levels, 95, axis=0) - _DYNAMICS, _FLOOR)
        sounding = (levels > low).any(axis=1)
        heard = levels[sounding]
        if len(heard) < 3:
            return _Evidence(len(heard) * _FRAME_SECONDS, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        bounded = np.maximum(heard, low)
        # Else faint noise that one channel has alone would look like a swing in each pause.
        audible = np.maximum(heard, _FLOOR)
        difference = audible[:, 0] - audible[:, 1]
        spread = bounded.std(axis=0)
        together = (
            float(np.corrcoef(bounded[:, 0], bounded[:, 1])[0, 1]) if float(spread.min()) > 1e-6 else 0.0
        )
        return _Evidence(
            sound=len(heard) * _FRAME_SECONDS,
            left=float((difference > _DOMINANT).sum()) * _FRAME_SECONDS,
            right=float((difference < -_DOMINANT).sum()) * _FRAME_SECONDS,
            together=together,
            swing=float(difference.std()),
            offset=abs(float(np.median(difference))),
            copy=float(np.median(np.array(self._copies)[sounding])),
        )

    def _early(self) -> ChannelLayout | None:
        found = self._evidence()
        both_heard = min(found.left, found.right) >= _HEARD
        if found.sound >= _SPLIT_AFTER and both_heard and found.together < 0.5 and found.swing > _SWING:
            return _split("each side has its own voice")
        if found.sound >= _MIX_AFTER and _one_scene(found, together=0.6):
            return _mix("both channels carry the same sound")
        return None

    def _final(self) -> ChannelLayout:
        if not self._levels:
            return _mix("no sound")
        found = self._evidence()
        if found.sound < 3 * _FRAME_SECONDS:
            # All of a short recording is silent, or so far neither side of a long one has spoken.
            ended = len(self._levels) < self._last_look
            return _mix("no sound") if ended else _split("no sound so far")
        if _one_scene(found, together=0.45):
            return _mix("both channels carry the same sound")
        if found.copy > 0.9 and found.swing < 3.0:
            return _mix("one channel is a copy of the other")
        if min(found.left, found.right) < _FRAME_SECONDS and found.offset > _DOMINANT:
            return _split("only one channel has sound of its own")
        return _split("each side has its own voice")


def _one_scene(found: _Evidence, *, together: float) -> bool:
    return found.offset <= _DOMINANT and found.swing < _SWING and found.together > together


def _mix(reason: str) -> ChannelLayout:
    return ChannelLayout("mix", (None,), reason)


def _split(reason: str) -> ChannelLayout:
    return ChannelLayout("split", LEFT_RIGHT, reason)
