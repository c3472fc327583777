"""Times of a window's audio in the recording, where long pauses were left out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiro.speech.timeline import Timeline
from tiro.speech.types import Segment, Span, Window, Word

# Of 10 to 30 s, 13 to 25 were left out: the audio is 3 and 5 s long.
WINDOW = Window(0, 0, 10.0, 30.0, (Span(10.2, 12.8), Span(25.2, 29.0)), (Span(10.0, 13.0), Span(25.0, 30.0)))


def words(*times: tuple[float, float, str]) -> tuple[Word, ...]:
    return tuple(Word(start, end, text, 0.9) for start, end, text in times)


@pytest.mark.parametrize(
    ("audio", "recording"), [(0.0, 10.0), (2.9, 12.9), (3.1, 25.1), (8.0, 30.0), (99.0, 30.0), (-1.0, 10.0)]
)
def test_a_time_of_the_audio_in_the_recording(audio: float, recording: float) -> None:
    [placed] = Timeline(WINDOW).placed(Segment(audio, audio, "", words((audio, audio, "now"))))
    assert placed.start == pytest.approx(recording)
    assert placed.words[0].start == pytest.approx(recording)


@pytest.mark.parametrize(
    ("recording", "audio"), [(9.0, 0.0), (10.0, 0.0), (12.5, 2.5), (20.0, 3.0), (26.0, 4.0), (31.0, 8.0)]
)
def test_a_time_of_the_recording_in_the_audio(recording: float, audio: float) -> None:
    assert Timeline(WINDOW).in_audio(recording) == pytest.approx(audio)


def test_a_segment_over_a_cut_becomes_two_with_their_own_text() -> None:
    said = Segment(
        1.0, 5.0, "One, two. Three!", words((1.0, 1.5, "One,"), (2.0, 2.9, "two."), (3.2, 5.0, "Three!"))
    )
    before, after = Timeline(WINDOW).placed(said)
    assert (before.text, before.start, before.end) == ("One, two.", 11.0, pytest.approx(12.9))
    assert (after.text, after.start, after.end) == ("Three!", pytest.approx(25.2), pytest.approx(27.0))


def test_a_word_over_a_cut_belongs_where_most_of_it_is() -> None:
    [placed] = Timeline(WINDOW).placed(Segment(2.0, 3.4, "late", words((2.0, 3.4, "late"))))
    assert (placed.start, placed.end) == (12.0, 13.0)
    [placed] = Timeline(WINDOW).placed(Segment(2.9, 4.4, "early", words((2.9, 4.4, "early"))))
    assert (placed.start, placed.end) == (25.0, pytest.approx(26.4))


def test_a_segment_without_words_stays_whole() -> None:
    [placed] = Timeline(WINDOW).placed(Segment(1.0, 5.0, "one two three"))
    assert (placed.start, placed.end) == (11.0, 27.0)
    # What ends at the cut ends before the pause, not behind it.
    [placed] = Timeline(WINDOW).placed(Segment(1.0, 3.0, "one"))
    assert (placed.start, placed.end) == (11.0, 13.0)


def test_a_window_without_cuts_is_only_moved() -> None:
    timeline = Timeline(Window(0, 0, 10.0, 20.0))
    [placed] = timeline.placed(Segment(1.0, 99.0, "one two", words((1.0, 2.0, "one"), (2.0, 99.0, "two"))))
    assert (placed.start, placed.end, placed.words[1].end) == (11.0, 20.0, 20.0)
    assert timeline.in_audio(15.0) == 5.0


@given(
    lengths=st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=6),
    times=st.lists(st.floats(0, 60), min_size=1, max_size=12),
)
def test_order_is_kept_and_there_and_back_is_the_same(
    lengths: list[tuple[float, float]], times: list[float]
) -> None:
    stretches, at = [], 0.0
    for length, pause in lengths:
        stretches.append(Span(at, at + length))
        at += length + pause
    window = Window(0, 0, 0.0, stretches[-1].end, (), tuple(stretches))
    timeline = Timeline(window)
    whole = sum(stretch.length for stretch in stretches)
    inside = sorted(time % whole for time in times)
    said = Segment(inside[0], inside[-1], "a", tuple(Word(time, time, "a") for time in inside))
    moved = [word for segment in timeline.placed(said) for word in segment.words]
    assert len(moved) == len(inside)
    assert all(before.start <= after.start for before, after in itertools.pairwise(moved))
    assert [timeline.in_audio(word.start) for word in moved] == pytest.approx(inside, abs=1e-6)
