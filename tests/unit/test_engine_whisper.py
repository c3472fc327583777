"""The parts of the Whisper engine by themselves: features, words, segments, drawing tokens, devices."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tiro.engines.base import EngineOptions
from tiro.engines.whisper.decoding import Decoded, finite
from tiro.engines.whisper.features import FRAMES, FeatureExtraction
from tiro.engines.whisper.loading import choose_device, split_cores
from tiro.engines.whisper.sampling import DEPARTURES, Draw, log_probability, seed_of
from tiro.engines.whisper.words import Piece, placed, segments_of, with_punctuation, without_pauses
from tiro.speech.types import SAMPLE_RATE, Quality

QUALITY = Quality(avg_logprob=-0.3)
END = 9


def pieces(*words: tuple[float, float, str]) -> list[Piece]:
    return [Piece(start, end, f" {text}", 0.5) for start, end, text in words]


# --- features ---------------------------------------------------------------------------------------


def test_audio_is_filled_up_with_what_silence_looks_like() -> None:
    extract = FeatureExtraction(80)
    audio = np.random.default_rng(0).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    mel, frames = extract(audio)
    assert mel.shape == (80, FRAMES)
    assert mel.dtype == np.float32
    assert frames == 300
    whole, _ = extract(np.concatenate([audio, np.zeros(27 * SAMPLE_RATE, np.float32)]))
    assert np.abs(whole - mel).max() < 1e-4


@pytest.mark.parametrize("samples", [1, 100, 30 * SAMPLE_RATE, 31 * SAMPLE_RATE])
def test_features_have_one_shape_whatever_the_length(samples: int) -> None:
    mel, frames = FeatureExtraction(128)(np.full(samples, 0.01, np.float32))
    assert mel.shape == (128, FRAMES)
    assert 0 < frames <= FRAMES
    assert np.isfinite(mel).all()


# --- words and segments -----------------------------------------------------------------------------


def alignment(*steps: int, probabilities: list[float]) -> Any:
    """Each token begins at its step."""
    pairs = [(token, place) for token, step in enumerate(steps) for place in (step, step + 1)]
    return SimpleNamespace(alignments=pairs, text_token_probs=probabilities)


def test_words_begin_where_their_first_token_does_and_end_where_the_next_begins() -> None:
    found = placed(
        [" one", " twenty", ""], [1, 2, 1], alignment(10, 50, 60, 100, probabilities=[0.5, 0.4, 0.8]), 9.0
    )
    assert [(piece.start, piece.end, piece.text) for piece in found] == [
        (0.2, 1.0, " one"),
        (1.0, 2.0, " twenty"),
    ]
    assert [piece.probability for piece in found] == pytest.approx([0.5, 0.6])


def test_no_word_is_outside_the_audio_or_before_the_one_in_front() -> None:
    found = placed(
        [" a", " b", " c", ""], [1, 1, 1, 1], alignment(30, 20, 90, 95, probabilities=[2.0, -1.0, 0.5]), 1.0
    )
    edges = [time for piece in found for time in (piece.start, piece.end)]
    assert edges == sorted(edges)
    assert edges[-1] <= 1.0
    assert [piece.probability for piece in found] == [1.0, 0.0, 0.5]


def test_a_text_that_could_not_be_placed_has_no_words() -> None:
    assert placed([" a", ""], [1, 1], SimpleNamespace(alignments=[], text_token_probs=[]), 1.0) == []


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([" Hello", ",", " world", "!"], [" Hello,", " world!"]),
        ([" he", " said", ' "', "no", '."'], [" he", " said", ' "no."']),
        ([" (", "so", ")"], [" (so)"]),
        ([" and", " -", " or"], [" and", " -", " or"]),
        (["。", "好", "。"], ["。", "好。"]),
        ([" a", " ", "b"], [" a ", "b"]),
    ],
)
def test_marks_belong_to_words(texts: list[str], joined: list[str]) -> None:
    found = with_punctuation([Piece(n, n + 1, text, 0.5) for n, text in enumerate(texts)])
    assert [piece.text for piece in found] == joined
    assert found[0].start == 0
    assert "".join(texts) == "".join(joined)


def test_a_pause_belongs_to_no_word() -> None:
    spoken = pieces((0, 3, "Well"), (3, 3.4, "then."), (3.4, 6.0, "Now"), (6.0, 6.4, "go."), (6.4, 9.0, "I"))
    found = without_pauses(spoken)
    # Who opens a sentence speaks at its end; the others at their start.
    assert found[0].end == 3
    assert found[0].start > 1
    assert found[2].end == 6.0
    assert found[2].start > 4
    assert found[4].end == 9.0


def test_a_word_drawn_out_in_a_sentence_stays() -> None:
    spoken = pieces((0, 0.4, "it"), (0.4, 0.8, "is"), (0.8, 2.2, "sooo"), (2.2, 2.6, "good"))
    assert without_pauses(spoken) == spoken


def test_segments_end_at_pauses_and_at_sentences() -> None:
    spoken = pieces(
        (0.0, 0.5, "One"), (0.5, 1.1, "two."), (1.1, 1.5, "Three"), (1.5, 2.0, "four"), (2.8, 3.1, "five")
    )
    found = segments_of(spoken, "en", QUALITY)
    assert [segment.text for segment in found] == ["One two.", "Three four", "five"]
    assert [(segment.start, segment.end) for segment in found] == [(0.0, 1.1), (1.1, 2.0), (2.8, 3.1)]
    assert {segment.quality for segment in found} == {QUALITY}
    assert all(segment.confidence == 0.5 and segment.language == "en" for segment in found)


def test_a_short_sentence_stays_with_the_next() -> None:
    spoken = pieces((0.0, 0.4, "No."), (0.4, 0.8, "I"), (0.8, 1.2, "mean"), (1.2, 1.6, "yes."))
    assert [segment.text for segment in segments_of(spoken, "en", QUALITY)] == ["No. I mean yes."]


def test_languages_without_spaces_keep_none() -> None:
    spoken = [Piece(0.0, 0.5, "你", 0.5), Piece(0.5, 1.0, "好", 0.5)]
    assert segments_of(spoken, "zh", QUALITY)[0].text == "你好"


# --- drawing tokens ---------------------------------------------------------------------------------


def logits(*likely: int, sure: float = 50.0) -> list[np.ndarray[Any, Any]]:
    steps = [np.zeros(12, np.float32) for _ in likely]
    for step, token in zip(steps, likely, strict=True):
        step[token] = sure
    return steps


def test_what_the_model_is_sure_of_is_drawn_in_one_pass() -> None:
    draw = Draw(seed=1, temperature=1.0, end=END)
    assert draw.follow([3, 4, 5], logits(3, 4, 5, END))
    assert draw.tokens == [3, 4, 5]
    assert draw.avg_logprob == pytest.approx(0, abs=1e-6)


def follow_all(draw: Draw, sure: float) -> int:
    """Let a model go on that finds the same token likeliest again and again; returns the passes."""
    for passes in range(1, 100):
        tokens = [*draw.forced, *[3] * (20 - len(draw.forced))]
        if draw.follow(tokens, logits(*[3] * 20, sure=sure)):
            return passes
    raise AssertionError("it never came to an end")


def test_a_draw_that_departs_is_taken_up_there_and_departs_only_so_often() -> None:
    draw = Draw(seed=1, temperature=1.0, end=END)
    tokens = [3] * 20
    assert not draw.follow(tokens, logits(*tokens, sure=2.0))
    *before, other = draw.forced
    assert set(before) <= {3}
    assert other != 3
    texts = []
    for seed in range(20):
        draw = Draw(seed=seed, temperature=1.0, end=END)
        assert follow_all(draw, sure=1.0) <= DEPARTURES + 1
        texts.append(tuple(draw.tokens))
        departures = sum(token != 3 for token in draw.tokens)
        assert departures <= DEPARTURES
        assert draw.avg_logprob < -0.5
    assert len(set(texts)) > 15


def test_the_end_can_be_drawn_and_what_is_no_text_cannot() -> None:
    ended = 0
    for seed in range(200):
        draw = Draw(seed=seed, temperature=1.0, end=END)
        follow_all(draw, sure=0.0)
        assert all(token < END for token in draw.tokens)
        ended += len(draw.tokens) < 20
    assert ended > 20


def test_the_colder_the_fewer_departures() -> None:
    def departures(temperature: float) -> int:
        draws = [Draw(seed, temperature, END) for seed in range(50)]
        for draw in draws:
            follow_all(draw, sure=3.0)
        return sum(token != 3 for draw in draws for token in draw.tokens)

    assert departures(0.2) < departures(0.6) < departures(1.0)


def test_the_seed_is_that_of_the_samples() -> None:
    audio = np.arange(10, dtype=np.float32)
    assert seed_of(audio) == seed_of(audio.copy()) == seed_of(np.repeat(audio, 2)[::2])
    assert seed_of(audio) != seed_of(audio + 1)


def test_log_probabilities_are_those_of_the_model() -> None:
    scores = np.log(np.array([0.25, 0.5, 0.25], np.float32)) + 7
    assert log_probability(scores, 1) == pytest.approx(np.log(0.5), abs=1e-6)


# --- quality, devices -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech", "passes"),
    [
        ("plain words", -0.5, 0.1, True),
        ("plain words", -1.1, 0.1, False),
        ("plain words", -1.1, 0.7, True),
        ("plain words", -0.5, 0.9, True),
        ("over and over " * 12, -0.2, 0.1, False),
        ("plain words", None, None, True),
        ("", 0.0, 0.1, True),
    ],
)
def test_what_is_good_enough(text: str, logprob: float | None, no_speech: float | None, passes: bool) -> None:
    quality = Quality(avg_logprob=logprob, no_speech_prob=no_speech, temperature=0.0)
    assert Decoded([], text, "en", quality).passes is passes


def test_what_json_cannot_carry_is_none() -> None:
    assert finite(float("nan")) is None
    assert finite(float("-inf")) is None
    assert type(finite(np.float32(-0.5))) is float


@pytest.mark.parametrize(("asked", "used"), [("auto", "int8"), ("float32", "float32")])
def test_a_processor_works_in_8_bits_unless_told_otherwise(asked: str, used: str) -> None:
    options = EngineOptions(Path("models"), device="cpu", compute_type=asked)
    assert choose_device(options) == ("cpu", used)


@pytest.mark.parametrize(
    ("cores", "split"), [(1, (1, 1)), (2, (2, 1)), (6, (3, 2)), (7, (1, 7)), (16, (4, 4))]
)
def test_all_cores_work(cores: int, split: tuple[int, int]) -> None:
    assert split_cores(cores) == split
