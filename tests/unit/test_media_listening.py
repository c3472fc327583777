"""Speech as the decoder's process finds it: the same windows as found here, in order, with their audio."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests import makecall
from tests.makecall import wav_bytes
from tests.ways import either_way

from tiro.errors import Cancelled, EmptyMedia
from tiro.media.cutting import Cutter
from tiro.media.decode import DecoderPool
from tiro.media.stream import SpeechStream
from tiro.media.types import MediaLimits, SpeechMark, SpeechWindow, WindowSizes
from tiro.speech.types import ChannelLayout

SIZES = WindowSizes(6.0, 0.5)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(MediaLimits(), spares=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("call") / "call.wav"
    path.write_bytes(wav_bytes(makecall.call()))
    return path


def windows(stream: SpeechStream) -> list[SpeechWindow]:
    with stream:
        return [heard for heard in stream if isinstance(heard, SpeechWindow)]


@either_way
def test_the_windows_are_those_of_the_recording(fork: bool, call: Path) -> None:
    cutter = Cutter("auto", 2, SIZES)
    samples = makecall.call()
    expected = [
        found for at in range(0, len(samples), 16_000) for found in cutter.feed(samples[at : at + 16_000])
    ]
    expected += cutter.finish()
    with DecoderPool(spares=0, fork=fork) as pool, pool.listen(call, "auto", SIZES) as stream:
        found = windows(stream)
        assert stream.layout == cutter.layout
        assert stream.info.duration == len(samples) / 16_000
    assert [one.window for one in found] == [one.window for one in expected]
    assert {one.window.channel for one in found} == {0, 1}
    for mine, theirs in zip(found, expected, strict=True):
        assert np.array_equal(mine.audio, theirs.audio)
        assert len(mine.audio) == round((mine.window.end - mine.window.start) * 16_000)


def test_sizes_may_be_told_later(pool: DecoderPool, call: Path) -> None:
    early = windows(pool.listen(call, "split", SIZES))
    with pool.listen(call, "split") as stream:
        stream.begin(SIZES)
        stream.begin(SIZES)
        late = windows(stream)
    assert [one.window for one in late] == [one.window for one in early]
    with pool.listen(call, "split", SIZES) as stream, pytest.raises(ValueError, match="sizes"):
        stream.begin(WindowSizes(30.0, 1.0))


def test_no_window_begins_before_what_was_promised(pool: DecoderPool, call: Path) -> None:
    safe = [0.0, 0.0]
    with pool.listen(call, "split", SIZES) as stream:
        first, *rest = stream
    assert isinstance(first, ChannelLayout)
    for heard in rest:
        if isinstance(heard, SpeechMark):
            safe = list(heard.safe_until)
        elif isinstance(heard, SpeechWindow):
            assert heard.window.start >= safe[heard.window.channel]
            safe[heard.window.channel] = heard.safe_until
    assert min(safe) > 30


def test_windows_that_come_at_once_promise_nothing_of_each_other() -> None:
    """The whole call in one block: each window may only promise what is before the next."""
    cutter = Cutter("split", 2, SIZES)
    found = [*cutter.feed(makecall.call()), *cutter.finish()]
    for channel in (0, 1):
        mine = [one for one in found if one.window.channel == channel]
        assert len(mine) > 3
        for one, behind in itertools.pairwise(mine):
            assert one.window.start < one.safe_until <= behind.window.start


def test_silence_has_a_layout_and_no_window(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(makecall.silence(3))
    with pool.listen(path, "auto", SIZES) as stream:
        heard = [one for one in stream if not isinstance(one, SpeechMark)]
    assert heard == [ChannelLayout("mix", (None,), "the recording has one channel")]


def test_a_stop_is_heard_while_it_listens(pool: DecoderPool, call: Path) -> None:
    stop = threading.Event()
    with pool.listen(call, "auto", stop=stop) as stream:
        stop.set()
        with pytest.raises(Cancelled):
            list(stream)
        with pytest.raises(Cancelled):
            next(stream)


def test_what_is_no_recording_is_refused_at_once(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(EmptyMedia):
        pool.listen(path, "auto", SIZES)
