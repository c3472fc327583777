"""Edits of segments: text, words and times stay one thing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiro.speech import edits
from tiro.speech.types import Segment, Word


def said(*words: str, start: float = 10.0, confidence: float | None = 0.9) -> Segment:
    """Each word takes half a second."""
    timed = tuple(
        Word(start + place / 2, start + place / 2 + 0.5, word, confidence) for place, word in enumerate(words)
    )
    return Segment(start, start + len(words) / 2, " ".join(words), timed, confidence, "left")


def times(segment: Segment) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for word in segment.words]


def test_a_corrected_word_takes_the_time_of_the_wrong_one() -> None:
    edited = edits.reword(said("the", "whether", "is", "fine"), "The weather is fine.")
    assert edited.text == "The weather is fine."
    assert times(edited) == [
        ("The", 10.0, 10.5),
        ("weather", 10.5, 11.0),
        ("is", 11.0, 11.5),
        ("fine.", 11.5, 12.0),
    ]
    assert [word.confidence for word in edited.words] == [0.9, None, 0.9, 0.9]
    assert edited.confidence is None


def test_one_word_becomes_two_by_their_length() -> None:
    edited = edits.reword(said("call", "ali", "now"), "call Al Lee now")
    assert times(edited)[1:3] == [("Al", 10.5, pytest.approx(10.7)), ("Lee", pytest.approx(10.7), 11.0)]


def test_a_word_put_in_shares_the_time_of_the_one_before() -> None:
    edited = edits.reword(said("very", "good"), "very very good")
    assert [word.text for word in edited.words] == ["very", "very", "good"]
    assert edited.words[0].start == 10.0
    assert edited.words[1].end == edited.words[2].start == 10.5


def test_a_word_put_in_at_the_start_shares_the_time_of_the_one_after() -> None:
    edited = edits.reword(said("good"), "oh good")
    assert edited.words[0].start == 10.0
    assert edited.words[-1].end == 10.5


def test_words_that_are_taken_out_leave_their_time_empty() -> None:
    assert times(edits.reword(said("a", "um", "b"), "a b")) == [("a", 10.0, 10.5), ("b", 11.0, 11.5)]


def test_a_segment_without_words_gets_none() -> None:
    bare = replace(said("a"), words=())
    assert edits.reword(bare, "b") == replace(bare, text="b", confidence=None)


def test_a_segment_is_split_at_a_word() -> None:
    first, second = edits.split(said("one", "two", "three"), 4) or pytest.fail("not split")
    assert (first.text, first.start, first.end) == ("one", 10.0, 10.5)
    assert (second.text, second.start, second.end) == ("two three", 10.5, 11.5)
    assert len(first.words) == 1
    assert len(second.words) == 2


@pytest.mark.parametrize("at", [0, 3 + 1 + 3])
def test_neither_half_of_a_split_may_be_empty(at: int) -> None:
    assert edits.split(said("one", "two"), at) is None


def test_merged_again_it_is_what_it_was() -> None:
    whole = said("one", "two", "three")
    first, second = edits.split(whole, 4) or pytest.fail("not split")
    assert edits.merge(first, second) == replace(whole, confidence=pytest.approx(0.9))


_words = st.lists(st.text("abcde", min_size=1, max_size=4), min_size=1, max_size=12)


@given(_words, _words)
def test_whatever_is_written_its_words_are_the_text_and_stay_in_order(old: list[str], new: list[str]) -> None:
    segment = said(*old)
    edited = edits.reword(segment, " ".join(new))
    assert [word.text for word in edited.words] == new
    edges = [segment.start, *(edge for word in edited.words for edge in (word.start, word.end)), segment.end]
    assert all(before <= after + 1e-9 for before, after in pairwise(edges))
    assert all(word.end > word.start for word in edited.words)
