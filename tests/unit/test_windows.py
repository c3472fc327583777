"""Windows: the same however the frames come, in order, within bounds, with nothing of the speech lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiro.speech.types import Window
from tiro.speech.windows import FRAME_SECONDS, REACH, WindowPacker

QUIET, LOUD = -80.0, -25.0


def packer(
    max_window: float = 3.0, join_gap: float = 1.0, longest_pause: float | None = None
) -> WindowPacker:
    return WindowPacker(
        0,
        max_window=max_window,
        join_gap=join_gap,
        longest_pause=longest_pause,
        next_index=itertools.count().__next__,
    )


def frames(*parts: tuple[float, float], level: float = LOUD) -> tuple[list[float], list[float]]:
    """Probabilities and levels of ``(seconds, probability)`` parts."""
    probabilities = [p for seconds, p in parts for _ in range(round(seconds / FRAME_SECONDS))]
    return probabilities, [level if p > 0.2 else QUIET for p in probabilities]


def pack(packer: WindowPacker, probabilities: Sequence[float], levels: Sequence[float]) -> list[Window]:
    windows = packer.feed(probabilities, levels)
    return windows + packer.flush(len(probabilities) * FRAME_SECONDS)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    probabilities: list[float] = []
    levels: list[float] = []
    for _ in range(draw(st.integers(1, 14))):
        count = draw(st.integers(1, 70))
        base = draw(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.95]))
        level = draw(st.sampled_from([-90.0, -58.0, -40.0, -20.0, float("-inf")]))
        wobble = draw(st.integers(0, 9))
        probabilities += [base + 0.01 * ((index * wobble) % 5) for index in range(count)]
        levels += [level + (index * wobble) % 7 for index in range(count)]
    return probabilities, levels


@given(recordings(), st.lists(st.integers(0, 90), max_size=20), st.sampled_from([None, 0.2]))
def test_the_size_of_the_blocks_changes_nothing(
    recording: tuple[list[float], list[float]], sizes: list[int], pause: float | None
) -> None:
    probabilities, levels = recording
    whole = pack(packer(longest_pause=pause), probabilities, levels)
    parts = packer(longest_pause=pause)
    windows: list[Window] = []
    done = 0
    for size in [*sizes, len(probabilities)]:
        windows += parts.feed(probabilities[done : done + size], levels[done : done + size])
        done += size
    assert windows + parts.flush(len(probabilities) * FRAME_SECONDS) == whole


@given(recordings(), st.sampled_from([1.0, 3.0, 10.0]), st.sampled_from([0.0, 0.6, 2.0]))
def test_windows_are_in_order_apart_and_within_bounds(
    recording: tuple[list[float], list[float]], max_window: float, join_gap: float
) -> None:
    duration = len(recording[0]) * FRAME_SECONDS
    windows = pack(packer(max_window, join_gap), *recording)
    assert [window.index for window in windows] == list(range(len(windows)))
    spans = [span for window in windows for span in window.spans]
    for before, after in itertools.pairwise(spans):
        assert before.end <= after.start
    for window in windows:
        assert 0 <= window.start < window.end <= duration
        assert window.end - window.start <= max_window + 1e-9
        assert (window.start, window.end) == (window.spans[0].start, window.spans[-1].end)
        for before, after in itertools.pairwise(window.spans):
            assert after.start - before.end < join_gap or after.start == before.end


@given(recordings(), st.sampled_from([1.0, 3.0, 10.0]), st.sampled_from([0.0, 0.3, 1.0]))
def test_windows_without_their_long_pauses_are_within_bounds(
    recording: tuple[list[float], list[float]], max_window: float, longest_pause: float
) -> None:
    windows = pack(packer(max_window, 5.0, longest_pause), *recording)
    for window in windows:
        stretches = window.stretches
        assert sum(stretch.length for stretch in stretches) <= max_window + 1e-9
        assert (window.start, window.end) == (stretches[0].start, stretches[-1].end)
        assert window.spans[-1].start - window.start < REACH * max_window + 1e-9
        for before, after in itertools.pairwise(stretches):
            assert after.start - before.end > 0
        for span in window.spans:
            assert any(one.start <= span.start and span.end <= one.end for one in stretches)
        # What is left between two spans is at most the pause that was asked for, rounded to frames.
        for before, after in itertools.pairwise(window.spans):
            kept = sum(max(0.0, min(one.end, after.start) - max(one.start, before.end)) for one in stretches)
            assert kept <= longest_pause + 2 * FRAME_SECONDS
            assert kept >= min(after.start - before.end, longest_pause) - 2 * FRAME_SECONDS
    # The same speech as where all is kept.
    assert spoken(windows) == spoken(pack(packer(max_window, 5.0), *recording))


def spoken(windows: Sequence[Window]) -> set[int]:
    """The frames in spans."""
    spans = [span for window in windows for span in window.spans]
    return {
        frame
        for span in spans
        for frame in range(round(span.start / FRAME_SECONDS), round(span.end / FRAME_SECONDS))
    }


def test_speech_with_long_pauses_fills_a_window() -> None:
    # 2 s of speech in every 6: ten of them are 20 s of speech, in 60 s.
    turns = frames(*[(2.0, 0.9), (4.0, 0.0)] * 10)
    [window] = pack(packer(30, 15, 0.5), *turns)
    assert len(window.stretches) == 10
    assert sum(stretch.length for stretch in window.stretches) < 30
    assert len(pack(packer(30, 1.0), *turns)) == 10


def test_each_window_is_filled_anew() -> None:
    turns = frames(*[(2.0, 0.9), (4.0, 0.0)] * 40)
    lengths = [len(window.stretches) for window in pack(packer(30, 15, 0.5), *turns)]
    assert lengths == [10, 10, 10, 10]


def test_a_window_does_not_reach_for_ever() -> None:
    rare = frames(*[(1.0, 0.9), (9.0, 0.0)] * 30)
    windows = pack(packer(30, 15, 0.5), *rare)
    assert [len(window.spans) for window in windows] == [10, 10, 10]


@given(recordings(), st.sampled_from([1.0, 3.0, 10.0]), st.sampled_from([None, 0.3]))
def test_no_speech_is_lost(
    recording: tuple[list[float], list[float]], max_window: float, longest_pause: float | None
) -> None:
    probabilities, levels = recording
    packed = pack(packer(max_window, 5.0, longest_pause), *recording)
    spans = [span for window in packed for span in window.spans]
    voiced = [p >= 0.5 and level >= -60 for p, level in zip(probabilities, levels, strict=True)]
    place = 0
    for is_speech, group in itertools.groupby(voiced):
        count = len(list(group))
        if is_speech and count >= 8:
            for frame in range(place, place + count):
                start, end = frame * FRAME_SECONDS, (frame + 1) * FRAME_SECONDS
                assert any(span.start <= start + 1e-9 and end <= span.end + 1e-9 for span in spans)
        place += count


@given(recordings(), st.integers(1, 40), st.sampled_from([None, 0.2]))
def test_the_watermark_keeps_its_word(
    recording: tuple[list[float], list[float]], size: int, pause: float | None
) -> None:
    probabilities, levels = recording
    subject = packer(longest_pause=pause)
    mark = 0.0
    for low in range(0, len(probabilities), size):
        for window in subject.feed(probabilities[low : low + size], levels[low : low + size]):
            assert window.start >= mark
        assert subject.safe_until >= mark
        mark = subject.safe_until
        assert subject.keep_from <= mark
    for window in subject.flush(len(probabilities) * FRAME_SECONDS):
        assert window.start >= mark


def test_the_watermark_grows_in_silence() -> None:
    subject = packer()
    marks = []
    for _ in range(20):
        subject.feed([0.0] * 31, [QUIET] * 31)
        marks.append(subject.safe_until)
    assert all(after > before for before, after in itertools.pairwise(marks))
    assert marks[-1] > 20 * 31 * FRAME_SECONDS - 0.5


def test_a_window_leaves_as_soon_as_nothing_can_join_it() -> None:
    subject = packer(max_window=30, join_gap=1.0)
    made = subject.feed(*frames((1, 0.0), (2, 0.9), (1.45, 0.0)))
    assert [(round(w.start, 1), round(w.end, 1)) for w in made] == [(0.8, 3.2)]


def test_close_spans_share_a_window_and_far_ones_do_not() -> None:
    near = pack(packer(30), *frames((2, 0.9), (1.0, 0.0), (2, 0.9)))
    far = pack(packer(30), *frames((2, 0.9), (2.0, 0.0), (2, 0.9)))
    assert [len(window.spans) for window in near] == [2]
    assert [len(window.spans) for window in far] == [1, 1]


def test_a_window_never_grows_beyond_its_maximum_by_joining() -> None:
    windows = pack(packer(3), *frames((2, 0.9), (0.8, 0.0), (2, 0.9)))
    assert [len(window.spans) for window in windows] == [1, 1]


@pytest.mark.parametrize("dip", [2.1, 2.5, 2.8])
def test_long_speech_is_cut_at_its_weakest_place(dip: float) -> None:
    # The voice drops for 0.2 s, too briefly to be a pause.
    probabilities, levels = frames((dip, 0.95), (0.2, 0.5), (3.0 - dip, 0.95))
    windows = pack(packer(3), probabilities, levels)
    assert len(windows) == 2
    assert windows[0].end == windows[1].start
    assert dip <= windows[0].end <= dip + 0.2


def test_where_the_voice_never_yields_the_quietest_place_is_cut() -> None:
    probabilities, levels = frames((4, 0.99))
    for frame in range(75, 79):
        levels[frame] = -45.0
    windows = pack(packer(3), probabilities, levels)
    assert 75 * FRAME_SECONDS <= windows[0].end <= 79 * FRAME_SECONDS


def test_the_rest_of_a_cut_is_kept_however_short() -> None:
    windows = pack(packer(3), *frames((3.05, 0.9), (2, 0.0)))
    assert windows[-1].end >= 3.0
    assert windows[0].start == 0


def test_hysteresis_bridges_weak_frames_and_short_pauses() -> None:
    windows = pack(packer(10), *frames((1, 0.9), (1, 0.4), (1, 0.9), (0.3, 0.0), (1, 0.9)))
    assert [len(window.spans) for window in windows] == [1]


def test_what_only_almost_reaches_the_threshold_is_not_speech() -> None:
    assert pack(packer(), *frames((5, 0.45))) == []


def test_a_click_is_not_speech() -> None:
    assert pack(packer(), *frames((1, 0.0), (0.16, 0.95), (1, 0.0))) == []


@pytest.mark.parametrize("level", [-61.0, -100.0, float("-inf"), float("nan")])
def test_the_energy_floor_shuts_out_what_nobody_can_hear(level: float) -> None:
    assert pack(packer(), [0.99] * 200, [level] * 200) == []


def test_quiet_far_speech_is_above_the_floor() -> None:
    assert len(pack(packer(30), [0.9] * 200, [-58.0] * 200)) == 1


@pytest.mark.parametrize("padding", [0.2, 0.5])
def test_padding_never_reaches_the_neighbour(padding: float) -> None:
    subject = WindowPacker(
        0, max_window=30, join_gap=0.0, next_index=itertools.count().__next__, padding=padding
    )
    windows = pack(subject, *frames((1, 0.9), (0.55, 0.0), (1, 0.9)))
    spans = [span for window in windows for span in window.spans]
    assert len(spans) == 2
    assert spans[0].end <= spans[1].start
    assert spans[0].end > 1.1
    assert spans[1].start < 1.5


def test_nothing_goes_beyond_the_recording() -> None:
    subject = packer()
    subject.feed(*frames((1, 0.9)))
    (window,) = subject.flush(0.9)
    assert window.end == window.spans[-1].end == 0.9
    assert subject.flush(0.9) == []
    with pytest.raises(RuntimeError):
        subject.feed([0.1], [QUIET])


def test_probabilities_and_levels_must_match() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        packer().feed([0.1, 0.2], [QUIET])
