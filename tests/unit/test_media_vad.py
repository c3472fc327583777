from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest
from tests.corpus import AUDIO, needs_audio

from tiro.media.decode import DecoderPool
from tiro.media.vad import FLOOR, FRAME, Frames, SpeechProbabilities, frame_levels
from tiro.speech.types import Audio


def speech(name: str) -> Audio:
    with DecoderPool(spares=0) as pool, pool.open(AUDIO / name) as stream:
        return np.concatenate(list(stream))[:, 0].astype(np.float32) / 32_768


def noise(seconds: float, level: float = 0.1) -> Audio:
    return (np.random.default_rng(1).normal(0, level, round(seconds * 16_000))).astype(np.float32)


def analysed(audio: Audio, size: int) -> Frames:
    vad = SpeechProbabilities()
    found = [vad.feed(audio[start : start + size]) for start in range(0, len(audio), size)] + [vad.flush()]
    return Frames(
        np.concatenate([frames.probabilities for frames in found]),
        np.concatenate([frames.levels for frames in found]),
    )


def test_the_cuts_between_pieces_do_not_matter() -> None:
    audio = noise(3.01)
    whole = analysed(audio, len(audio))
    assert len(whole) == -(-len(audio) // FRAME)
    for size in (100, 512, 1000, 16_000):
        parts = analysed(audio, size)
        assert np.allclose(parts.probabilities, whole.probabilities, atol=1e-6)
        assert np.allclose(parts.levels, whole.levels, atol=1e-4)


def test_nothing_gives_nothing() -> None:
    vad = SpeechProbabilities()
    assert len(vad.flush()) == 0
    assert len(vad.feed(np.zeros(FRAME - 1, dtype=np.float32))) == 0
    assert len(vad.feed(np.zeros(1, dtype=np.float32))) == 1
    assert len(vad.flush()) == 0


def test_silence_and_noise_are_not_speech() -> None:
    for audio in (np.zeros(32_000, dtype=np.float32), noise(2), noise(2, level=0.001)):
        assert analysed(audio, 16_000).probabilities.max() < 0.5


def test_flush_starts_anew() -> None:
    vad = SpeechProbabilities()
    first = [vad.feed(noise(1)), vad.flush()]
    again = [vad.feed(noise(1)), vad.flush()]
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)


def test_levels_are_decibels_of_full_scale() -> None:
    full = np.sign(np.sin(np.arange(FRAME) + 0.5)).astype(np.float32)
    levels = frame_levels(np.concatenate([full, full / 10, np.zeros(FRAME + 5, dtype=np.float32)]))
    assert levels == pytest.approx([0, -20, FLOOR], abs=1e-3)
    assert levels.dtype == np.float32
    vad = SpeechProbabilities()
    vad.feed(full[:100])
    assert vad.flush().levels == pytest.approx([0], abs=1e-3)


@pytest.mark.slow
@needs_audio
def test_it_is_the_same_model_that_faster_whisper_runs() -> None:
    """Equal but for the last frame, of which faster-whisper sets the last 64 samples to zero."""
    from faster_whisper.vad import get_vad_model

    for name in ("two_speakers.wav", "stereo_call.wav", "noise1.wav"):
        audio = speech(name)
        ours = analysed(audio, 16_000).probabilities
        theirs: npt.NDArray[np.float32] = get_vad_model()(np.pad(audio, (0, -len(audio) % FRAME))).reshape(-1)
        assert len(ours) == len(theirs)
        assert np.allclose(ours[:-1], theirs[:-1], atol=1e-5)


@needs_audio
def test_speech_is_found_and_two_channels_do_not_disturb_each_other() -> None:
    audio = speech("jfk.flac")
    alone = analysed(audio, 16_000)
    assert (alone.probabilities > 0.5).mean() > 0.5
    results: dict[int, Frames] = {}

    def work(index: int) -> None:
        results[index] = analysed(audio if index % 2 else noise(5), 16_000)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(results[1].probabilities, alone.probabilities)
    assert np.array_equal(results[3].probabilities, alone.probabilities)
