"""The accuracy bench counts right: text is made alike on both sides, and errors are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.accuracy import Clip, Errors, clips_of, count_errors, runs_of
from bench.english import normalise

from tiro.settings import Settings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "The Colour of the neighbour's theatre isn't GREY!",
            "the color of the neighbor's theater is not gray",
        ),
        ("They'll organise, analyse and realise it.", "they will organize analyze and realize it"),
        ("He travelled 3.5 kilometres", "he traveled three point five kilometers"),
        ("In nineteen eighty-four", "In 1984"),
        ("twenty twenty", "2020"),
        ("one hundred and five thousand two hundred and one", "105,201"),
        ("two million and seven", "2000007"),
        ("the twenty-first, the thirtieth and the hundredth", "the 21st the 30th and the 100th"),
        ("a ten second pause", "a 10 second pause"),
        ("ninety five percent, five dollars", "95%, $5"),
        ("I'm gonna see Mr. Smith, OK?", "I am going to see mister smith okay"),
        ("you shouldn't've; I can't, I won't", "you should not have i can not i will not"),
        ("Um, a naïve [cough] café ’ (laughs) uh", "a naive cafe"),
        ("ill-disposed", "ill disposed"),
        ("'quoted' words", "quoted words"),
    ],
)
def test_the_same_said_in_two_ways_is_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the first", "the one"),
        ("fifteen", "fifty"),
        ("he can", "he can't"),
        ("our hour", "or hour"),
        ("wise and four", "wize and for"),
        ("one or two", "one two"),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    "text", ["surprise", "advertise", "hour", "pour", "acre", "promise", "and", "a point"]
)
def test_words_that_only_look_british_are_left_alone(text: str) -> None:
    assert normalise(text) == text


def test_normalising_twice_changes_nothing_more() -> None:
    text = "He'd cancelled two hundred and one programmes in nineteen ninety nine, hadn't he?"
    assert normalise(normalise(text)) == normalise(text)


def test_errors_are_told_apart() -> None:
    assert count_errors("the dog sat down", "the cat sat") == Errors(4, 1, 1, 0)
    assert count_errors("the dog", "well the big dog") == Errors(2, 0, 0, 2)
    nothing = count_errors("the dog", "")
    assert (nothing, nothing.rate) == (Errors(2, 0, 2, 0), 1.0)
    assert (nothing + Errors(2, 1, 0, 1)).cells() == ["4", "1", "2", "1", "25.0%", "100.0%"]


def test_only_clips_with_an_english_reference_count(tmp_path: Path) -> None:
    (tmp_path / "talk.stm").write_text("talk 1 Ann 0.0 1.5 Hello there.\n\ntalk 1 Bob 1.5 2.0 Yes.\n")
    manifest = [
        {"file": "a.wav", "language": "en", "text": "one"},
        {"file": "talk.wav", "language": "en", "stm": "talk.stm"},
        {"file": "call.wav", "language": "en", "left": "two", "right": "three"},
        {"file": "de.wav", "language": "de", "text": "eins"},
        {"file": "mixed.mp3", "language": "en+de"},
        {"file": "noise.wav", "speech": False},
    ]
    assert list(clips_of(tmp_path, manifest)) == [
        Clip(tmp_path / "a.wav", "one"),
        Clip(tmp_path / "talk.wav", "Hello there. Yes."),
        Clip(tmp_path / "call.wav", "two", "left"),
        Clip(tmp_path / "call.wav", "three", "right"),
    ]


def test_a_reference_that_does_not_fit_the_audio_is_marked() -> None:
    assert Clip(Path("spk2_snt5.wav"), "ken pairs lack full flavor").doubted
    assert not Clip(Path("spk1_snt1.wav"), "the child almost hurt the small dog").doubted


def test_each_encoder_gets_a_run_of_whisper_and_other_engines_get_one() -> None:
    engines = ["whisper:base", "pocketsphinx"]
    runs = list(runs_of(engines, ["ctranslate2", "onnxruntime", "ctranslate2"], Settings()))
    assert [configured.engine.encoder for configured, _ in runs] == ["ctranslate2", "onnxruntime"]
    assert [measured for _, measured in runs] == [
        [("whisper:base", "whisper:base, encoder ctranslate2"), ("pocketsphinx", "pocketsphinx")],
        [("whisper:base", "whisper:base, encoder onnxruntime")],
    ]


def test_without_encoders_named_the_settings_decide() -> None:
    settings = Settings()
    assert list(runs_of(["whisper:base"], [], settings)) == [(settings, [("whisper:base", "whisper:base")])]
