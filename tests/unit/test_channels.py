"""Layout of two channels: what a call is, and what is one scene heard twice."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.corpus import AUDIO, needs_audio

from tiro.speech.channels import LayoutDetector, mixdown, plan_layout
from tiro.speech.types import ChannelLayout

RATE = 16_000
Signal = npt.NDArray[np.float64]
Block = npt.NDArray[np.int16]


def voice(seed: int, seconds: float, level: float = -23.0) -> Signal:
    """Noise in the shape of speech: syllables of 0.1 to 0.3 s that change in loudness and colour."""
    random = np.random.default_rng(seed)
    parts: list[Signal] = []
    total = 0
    while total < seconds * RATE:
        count = int(random.uniform(0.1, 0.3) * RATE)
        noise = random.normal(size=count)
        kernel = np.exp(-np.arange(40) / random.uniform(1, 12)) * np.cos(np.arange(40) * random.uniform(0, 2))
        part = np.convolve(noise, kernel)[:count] * np.hanning(count) * 10 ** random.uniform(-0.8, 0)
        parts.append(part)
        if random.random() < 0.2:
            parts.append(np.zeros(int(random.uniform(0.1, 0.7) * RATE)))
        total = sum(map(len, parts))
    return at(np.concatenate(parts)[: int(seconds * RATE)], level)


def at(signal: Signal, level: float) -> Signal:
    return signal / np.sqrt(np.mean(signal**2)) * 10 ** (level / 20)


def hiss(seed: int, seconds: float, level: float) -> Signal:
    return np.random.default_rng(seed).normal(size=int(seconds * RATE)) * 10 ** (level / 20)


def pair(left: Signal, right: Signal) -> Block:
    count = min(len(left), len(right))
    stereo = np.stack([left[:count], right[:count]], axis=1)
    return (np.clip(stereo, -1, 1) * 32767).astype(np.int16)


def turns(left: Signal, right: Signal, length: float = 3.0) -> tuple[Signal, Signal]:
    """Left and right speak in turn."""
    count = min(len(left), len(right))
    is_left = (np.arange(count) // int(length * RATE)) % 2 == 0
    return left[:count] * is_left, right[:count] * ~is_left


def echo(signal: Signal, level: float, delay: float) -> Signal:
    late = np.concatenate([np.zeros(int(delay * RATE)), signal])[: len(signal)]
    return late * 10 ** (level / 20)


def room(sources: list[Signal], seed: int) -> tuple[Signal, Signal]:
    """Two microphones, each hears all sources with its own delays and its own reverberation."""
    random = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        mixed = np.zeros(len(sources[0]))
        for source in sources:
            tail = random.normal(size=4000) * np.exp(-np.arange(4000) / 700) * 0.05
            tail[int(random.uniform(0, 40))] += random.uniform(0.7, 1.0)
            size = 1 << (len(source) + 4000).bit_length()
            spectrum = np.fft.rfft(source, size) * np.fft.rfft(tail, size)
            mixed += np.fft.irfft(spectrum, size)[: len(source)]
        sides.append(at(mixed, -23))
    return sides[0], sides[1]


def music(seconds: float, seed: int) -> tuple[Signal, Signal]:
    """Panned notes and a drum in the middle."""
    random = np.random.default_rng(seed)
    left, right = np.zeros(int(seconds * RATE)), np.zeros(int(seconds * RATE))
    for beat in range(int(seconds * 4)):
        low = beat * RATE // 4
        time = np.arange(min(RATE, len(left) - low)) / RATE
        tone = 110 * 2 ** (random.integers(0, 36) / 12)
        note = sum(np.sin(2 * np.pi * tone * harmonic * time) / harmonic for harmonic in range(1, 6))
        note = note * np.exp(-4 * time)
        angle = random.uniform(0.1, 0.4) * np.pi
        drum = random.normal(size=len(time)) * np.exp(-40 * time)
        left[low : low + len(time)] += note * np.cos(angle) + drum
        right[low : low + len(time)] += note * np.sin(angle) + drum
    return at(left, -20), at(right, -20)


def detect(audio: Block, size: int = 4096) -> tuple[ChannelLayout, float | None]:
    """The layout, and the second at which it was known (None: at the end)."""
    detector = LayoutDetector()
    for low in range(0, len(audio), size):
        layout = detector.feed(audio[low : low + size])
        if layout is not None:
            assert detector.feed(audio[:10]) == layout == detector.finish()
            return layout, (low + size) / RATE
    return detector.finish(), None


A, B = voice(1, 30), voice(2, 30)

CALLS: dict[str, Callable[[], Block]] = {
    "turns": lambda: pair(*turns(A, B)),
    "both talk all the time": lambda: pair(A, B),
    "noise on the line": lambda: pair(*(side + hiss(seed, 30, -45) for seed, side in enumerate(turns(A, B)))),
    "a hum on both": lambda: pair(
        *(side + 0.02 * np.sin(np.arange(len(A)) * 2 * np.pi * 50 / RATE) for side in turns(A, B))
    ),
    "one side 20 dB quieter": lambda: pair(*turns(A, B * 0.1)),
    "long turns": lambda: pair(*turns(A, B, 9)),
}
for _level in (-15, -20, -25):
    for _delay in (0.0, 0.05, 0.2):
        CALLS[f"echo {_level} dB after {_delay} s"] = lambda level=_level, delay=_delay: pair(  # type: ignore[misc]
            *(
                own + echo(other, level, delay) + hiss(seed, 30, -65)
                for seed, (own, other) in enumerate(zip(turns(A, B), reversed(turns(A, B)), strict=True))
            )
        )

SCENES: dict[str, Callable[[], Block]] = {
    "dual mono": lambda: pair(A, A),
    "half as loud": lambda: pair(A, A * 0.5),
    "20 dB quieter": lambda: pair(A * 0.1, A),
    "a little noise": lambda: pair(A + hiss(1, 30, -50), A + hiss(2, 30, -50)),
    "opposite": lambda: pair(A, -A),
    "1 ms late": lambda: pair(A[16:], A[:-16]),
    "coarse codec": lambda: (pair(A, A * 0.7) // 700 * 700 + np.array([0, 90])).astype(np.int16),
    "two people in a room": lambda: pair(*room(list(turns(A, B)), 3)),
    "two people at once in a room": lambda: pair(*room([A, B], 4)),
    "music": lambda: pair(*music(20, 5)),
    "speech over music": lambda: pair(*(side * 0.3 + A[: 20 * RATE] for side in music(20, 6))),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_split_early(name: str) -> None:
    layout, known = detect(CALLS[name]())
    assert (layout.mode, layout.labels) == ("split", ("left", "right"))
    assert known is not None
    assert known <= 15


@pytest.mark.parametrize("name", SCENES)
def test_one_scene_is_mixed(name: str) -> None:
    layout, _ = detect(SCENES[name]())
    assert (layout.mode, layout.labels) == ("mix", (None,))


@pytest.mark.parametrize("size", [1, 160, 1024, 100_000])
def test_the_size_of_the_blocks_changes_nothing(size: int) -> None:
    audio = pair(*turns(A, B))[: 7 * RATE]
    if size == 1:
        audio = audio[: 2 * RATE]
    assert detect(audio, size)[0] == detect(audio)[0]


def test_an_announcement_to_both_sides_does_not_make_it_one_scene() -> None:
    announcement = voice(9, 8)
    left, right = turns(A, B)
    layout, _ = detect(pair(np.concatenate([announcement, left]), np.concatenate([announcement, right])))
    assert layout.mode == "split"


def test_a_silent_side_is_waited_for_but_not_for_ever() -> None:
    long = np.tile(A, 3)
    layout, known = detect(pair(long, long * 0))
    assert layout.mode == "split"
    assert known is not None
    assert 59 < known <= 60.5
    late = np.concatenate([long[: 30 * RATE] * 0, B])
    layout, known = detect(pair(np.concatenate([A, A * 0]), late))
    assert layout.mode == "split"
    assert known is not None
    assert known < 40


def test_silence_is_one_channel_where_it_is_all_there_is() -> None:
    silence = np.zeros((RATE * 3, 2), dtype=np.int16)
    assert LayoutDetector().finish().mode == "mix"
    assert detect(silence)[0].mode == "mix"
    assert detect(np.tile(silence, (25, 1)))[0].mode == "split"


def test_one_side_with_echo_only_is_split() -> None:
    layout, _ = detect(pair(A + hiss(1, 30, -65), echo(A, -18, 0.08) + hiss(2, 30, -65)))
    assert layout.mode == "split"


def test_plain_requests_need_no_listening() -> None:
    assert plan_layout("auto", 1) == plan_layout("split", 1)
    assert plan_layout("auto", 2) is None
    mixed, split = plan_layout("mix", 2), plan_layout("split", 6)
    assert mixed is not None
    assert split is not None
    assert (mixed.mode, mixed.labels) == ("mix", (None,))
    assert (split.mode, split.labels) == ("split", ("left", "right"))


def test_mixing_is_the_mean_and_never_clips() -> None:
    loud = np.array([[32767, 32767], [-32768, -32768], [1000, 3000]], dtype=np.int16)
    mixed = mixdown(loud)
    assert mixed.dtype == np.float32
    assert mixed.shape == (3,)
    assert np.allclose(mixed * 32768, [32767, -32768, 2000])
    assert np.abs(mixed).max() <= 1


def test_mixing_does_not_cancel_opposite_channels() -> None:
    block = pair(A[:RATE], -A[:RATE])
    assert np.allclose(mixdown(block), block[:, 0] / 32768, atol=1e-3)


def test_a_lone_channel_is_mixed_as_it_is() -> None:
    for block in (pair(A[:RATE], A[:RATE] * 0), pair(A[:RATE] * 0, A[:RATE])):
        assert np.allclose(mixdown(block), block.sum(axis=1) / 65536, atol=1e-4)


def test_mixing_takes_mono_and_nothing() -> None:
    assert mixdown(np.zeros((0, 2), dtype=np.int16)).shape == (0,)
    assert np.allclose(mixdown(np.array([[16384]], dtype=np.int16)), [0.5])


def clip(name: str) -> Block:
    with wave.open(io.BytesIO(Path(AUDIO / name).read_bytes())) as file:
        assert file.getframerate() == RATE
        data = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return data.reshape(-1, file.getnchannels()).astype(np.int16)


@needs_audio
def test_the_real_call_is_split() -> None:
    assert detect(clip("stereo_call.wav"))[0].mode == "split"


@needs_audio
@pytest.mark.parametrize("name", ["two_speakers.wav", "stereo_call.wav", "noise1.wav"])
def test_real_dual_mono_is_mixed(name: str) -> None:
    mono = clip(name)[:, 0].astype(float) / 32768
    assert detect(pair(mono, mono * 0.6 + hiss(3, len(mono) / RATE, -65)[: len(mono)]))[0].mode == "mix"


@needs_audio
def test_a_call_of_two_real_voices_with_echo_is_split() -> None:
    first, second = (np.tile(clip(name)[:, 0] / 32768, 5) for name in ("spk1_snt1.wav", "spk2_snt5.wav"))
    left, right = turns(at(first, -23), at(second, -23), 2.5)
    assert detect(pair(left + echo(right, -15, 0.06), right + echo(left, -15, 0.06)))[0].mode == "split"
