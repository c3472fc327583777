"""Merging: time order, cross-talk out, and the same sequence whatever the order of arrival."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiro.speech.channels import ChannelMerger
from tiro.speech.types import Drop, Segment, WindowResult, Word


def spoken(start: float, text: str, level: float | None = -20.0, pace: float = 0.3) -> Segment:
    parts = text.split()
    words = tuple(
        Word(start + place * pace, start + (place + 0.9) * pace, part, 0.5)
        for place, part in enumerate(parts)
    )
    return Segment(start, words[-1].end, text, words, 0.5, level=level)


def results(*channels: list[Segment]) -> list[WindowResult]:
    return [
        WindowResult(0, channel, segment.start, segment.end, (segment,))
        for channel, segments in enumerate(channels)
        for segment in segments
    ]


def merge(*channels: list[Segment]) -> tuple[list[tuple[str | None, str]], list[Drop]]:
    merger = ChannelMerger(("left", "right"))
    for result in results(*channels):
        merger.add(result)
    released = merger.finish()
    return [(segment.speaker, segment.text) for segment in released.segments], list(released.drops)


VOCABULARY = ("yes", "no", "the", "call", "ends")


@st.composite
def conversations(draw: st.DrawFn) -> list[WindowResult]:
    """Windows of two channels that talk, echo and talk at once; times on a grid, so that ties are common."""
    found: list[WindowResult] = []
    for channel in (0, 1):
        time = 0.0
        for index in range(draw(st.integers(0, 6))):
            time += draw(st.integers(0, 6)) * 0.25
            start = time
            segments = []
            for _ in range(draw(st.integers(1, 2))):
                text = " ".join(draw(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=5)))
                segment = spoken(time, text, draw(st.sampled_from([None, -20.0, -24.0, -40.0])), 0.25)
                segments.append(segment)
                time = segment.end + draw(st.integers(0, 2)) * 0.25
            drops = (Drop(start, time, "x", "no_speech", "e"),) if draw(st.booleans()) else ()
            found.append(WindowResult(index, channel, start, time, tuple(segments), drops))
    return found


def run(windows: list[WindowResult], seed: int) -> tuple[list[Segment], list[Drop]]:
    """Add in a random order, with honest watermarks in between."""
    chance = random.Random(seed)
    merger = ChannelMerger(("left", "right"))
    left = list(windows)
    chance.shuffle(left)
    segments: list[Segment] = []
    drops: list[Drop] = []
    while left:
        if chance.random() < 0.6:
            merger.add(left.pop())
        for channel in (0, 1):
            if chance.random() < 0.5:
                rest = [window.start for window in left if window.channel == channel]
                safe = min(rest, default=1e9) - (chance.random() if chance.random() < 0.5 else 0.0)
                released = merger.advance(channel, safe)
                segments += released.segments
                drops += released.drops
    released = merger.finish()
    return segments + list(released.segments), drops + list(released.drops)


@given(conversations(), st.integers(0, 10**6))
def test_what_comes_out_does_not_depend_on_when_things_came_in(
    windows: list[WindowResult], seed: int
) -> None:
    merger = ChannelMerger(("left", "right"))
    for window in windows:
        merger.add(window)
    whole = merger.finish()
    segments, drops = run(windows, seed)
    assert segments == list(whole.segments)
    assert drops == list(whole.drops)
    order = [(segment.start, ("left", "right").index(segment.speaker or "")) for segment in segments]
    assert order == sorted(order)
    assert [drop.start for drop in drops] == sorted(drop.start for drop in drops)
    said = sum(len(segment.words) for window in windows for segment in window.segments)
    cut = sum(len(drop.text.split()) for drop in drops if drop.rule == "cross_talk")
    assert sum(len(segment.words) for segment in segments) + cut == said


def test_segments_alternate_in_time_and_carry_the_label() -> None:
    segments, drops = merge(
        [spoken(0, "hello there"), spoken(4, "fine thanks")], [spoken(2, "hi how are you"), spoken(4, "good")]
    )
    assert segments == [
        ("left", "hello there"),
        ("right", "hi how are you"),
        ("left", "fine thanks"),
        ("right", "good"),
    ]
    assert drops == []


def test_a_segment_is_released_as_soon_as_it_is_final() -> None:
    merger = ChannelMerger(("left", "right"))
    merger.add(results([spoken(1, "hello there")])[0])
    assert merger.advance(0, 5.0).segments == ()
    assert merger.advance(1, 1.5).segments == (), "its cross-talk could still come"
    assert [segment.text for segment in merger.advance(1, 2.0).segments] == ["hello there"]
    assert merger.finish().segments == ()


def test_a_window_under_way_on_the_same_channel_is_waited_for() -> None:
    merger = ChannelMerger((None,))
    late = spoken(3, "second")
    merger.add(results([late])[0])
    assert merger.advance(0, 1.0).segments == ()
    merger.add(results([spoken(1, "first")])[0])
    assert [segment.text for segment in merger.advance(0, 9.0).segments] == ["first", "second"]


def test_drops_of_the_guard_get_the_speaker_and_come_in_order() -> None:
    merger = ChannelMerger(("left", "right"))
    merger.add(WindowResult(0, 1, 2.0, 3.0, (), (Drop(2.0, 3.0, "b", "no_speech", "e"),)))
    merger.add(WindowResult(1, 0, 0.0, 1.0, (), (Drop(-1.0, 3.0, "a", "no_speech", "e"),)))
    assert [(drop.speaker, drop.start) for drop in merger.finish().drops] == [("left", 0.0), ("right", 2.0)]


def test_times_outside_the_window_are_moved_to_its_edge() -> None:
    merger = ChannelMerger((None,))
    merger.add(WindowResult(0, 0, 2.0, 3.0, (Segment(1.9, 3.2, "a", (Word(1.9, 3.2, "a"),)),)))
    (segment,) = merger.finish().segments
    assert (segment.start, segment.end, segment.words[0].start, segment.words[0].end) == (2.0, 3.0, 2.0, 3.0)


LINE = "could you repeat the order number please"


@pytest.mark.parametrize("delay", [-0.25, 0.0, 0.25])
@pytest.mark.parametrize("quieter", [4.0, 15.0, 25.0])
def test_echo_is_dropped_from_the_quieter_channel(delay: float, quieter: float) -> None:
    for flipped in (False, True):
        loud, quiet = spoken(1, LINE, -20), spoken(1 + delay, LINE, -20 - quieter)
        segments, drops = merge(*([[quiet], [loud]] if flipped else [[loud], [quiet]]))
        assert segments == [("right" if flipped else "left", LINE)]
        (drop,) = drops
        assert (drop.speaker, drop.rule, drop.text) == ("left" if flipped else "right", "cross_talk", LINE)
        assert f"{quieter:.0f} dB louder" in drop.evidence


def test_echo_with_misheard_words_is_dropped() -> None:
    segments, drops = merge([spoken(1, LINE, -20)], [spoken(1.1, LINE.replace("repeat", "eat"), -38)])
    assert segments == [("left", LINE)]
    assert len(drops) == 1


def test_the_same_words_later_are_an_answer() -> None:
    segments, drops = merge([spoken(1, LINE, -20)], [spoken(1.4, LINE, -40)])
    assert len(segments) == 2
    assert drops == []


@pytest.mark.parametrize("quieter", [0.0, 3.0, 9.0])
@pytest.mark.parametrize("text", ["yes", "okay bye"])
def test_both_may_say_a_short_thing_at_once(text: str, quieter: float) -> None:
    segments, _ = merge([spoken(1, text, -20)], [spoken(1.1, text, -20 - quieter)])
    assert len(segments) == 2


def test_a_short_echo_is_dropped_where_the_difference_is_clear() -> None:
    segments, drops = merge([spoken(1, "yes", -20)], [spoken(1.1, "Yes.", -38)])
    assert segments == [("left", "yes")]
    assert drops[0].evidence == "the same word on left within 300 ms, 18 dB louder"


def test_a_short_word_is_never_cut_out_of_a_sentence() -> None:
    sentence = spoken(0.7, "and yes that was what we ordered", -40)
    segments, drops = merge([spoken(1, "yes", -20)], [sentence])
    assert len(segments) == 2
    assert drops == []


def test_a_leak_is_cut_out_of_a_longer_segment_by_its_words() -> None:
    mine = spoken(0, "can you hear me well yes I can hear you and so", -20)
    theirs = spoken(1.6, "yes I can hear you", -22)
    segments, drops = merge([mine], [theirs])
    assert segments == [
        ("left", "can you hear me well"),
        ("right", "yes I can hear you"),
        ("left", "and so"),
    ]
    assert [(drop.speaker, drop.text) for drop in drops] == [("left", "yes I can hear you")]


def test_identical_channels_come_out_once() -> None:
    segments, drops = merge([spoken(1, LINE, -20)], [spoken(1, LINE, -20)])
    assert segments == [("left", LINE)]
    assert len(drops) == 1


def test_without_times_of_words_whole_segments_are_compared() -> None:
    loud, quiet = (Segment(1, 4, LINE, level=level) for level in (-20.0, -40.0))
    other = Segment(1, 4, LINE + " and some more words of my own", level=-40.0)
    assert merge([loud], [quiet])[0] == [("left", LINE)]
    assert len(merge([loud], [other])[0]) == 2


def test_without_levels_only_long_runs_count() -> None:
    assert len(merge([spoken(1, "yes", None)], [spoken(1, "yes", None)])[0]) == 2
    assert merge([spoken(1, LINE, None)], [spoken(1, LINE, None)])[0] == [("left", LINE)]


def test_memory_is_let_go() -> None:
    merger = ChannelMerger(("left", "right"))
    released = 0
    for index, channel in itertools.product(range(500), (0, 1)):
        start = index * 2.0 + channel * 0.5
        merger.add(results(*[[] for _ in range(channel)], [spoken(start, f"word {index}")])[0])
        released += len(merger.advance(channel, start + 1.5).segments)
    assert released >= 990
    held = sum(len(side) for side in (*merger._settled, *merger._waiting, merger._segments))
    assert held < 12
