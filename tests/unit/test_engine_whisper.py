"""The library's segments made ours: its times overlap, stick out and are numpy's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tiro.engines.base import EngineOptions
from tiro.engines.whisper import choose_device, finite, in_order


def found(start: float, end: float, text: str) -> SimpleNamespace:
    """A segment as faster-whisper gives it, its words spread evenly."""
    edges = np.linspace(start, end, len(text.split()) + 1)
    words = [
        SimpleNamespace(word=f" {word}", start=begin, end=stop, probability=np.float64(0.5))
        for word, begin, stop in zip(text.split(), edges[:-1], edges[1:], strict=True)
    ]
    quality = {"avg_logprob": -0.5, "no_speech_prob": np.float32("nan"), "compression_ratio": 1.0}
    return SimpleNamespace(start=start, end=end, text=f" {text}", words=words, temperature=0.0, **quality)


def test_segments_and_words_are_put_in_order_inside_the_window() -> None:
    raw = [found(-0.2, 2.0, "one two"), found(1.5, 3.0, "three four"), found(2.5, 9.0, "five six")]
    segments = list(in_order(raw, 5.0, "en"))
    assert [(segment.start, segment.end) for segment in segments] == [(0.0, 2.0), (2.0, 3.0), (3.0, 5.0)]
    edges = [time for segment in segments for word in segment.words for time in (word.start, word.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0.0
    assert edges[-1] <= 5.0
    assert all(type(time) is float for time in edges)
    assert segments[0].confidence == 0.5


def test_text_is_kept_even_where_its_time_is_lost() -> None:
    segments = list(
        in_order([found(0.0, 4.0, "one"), found(4.0, 4.0, "two"), found(4.0, 4.0, "")], 4.0, "en")
    )
    assert [segment.text for segment in segments] == ["one", "two"]


def test_what_json_cannot_carry_is_none() -> None:
    [segment] = in_order([found(0.0, 1.0, "one")], 1.0, "en")
    assert segment.quality is not None
    assert segment.quality.no_speech_prob is None
    assert segment.quality.avg_logprob == -0.5
    assert finite(None) is None


@pytest.mark.parametrize(("asked", "used"), [("auto", "int8"), ("float32", "float32")])
def test_a_processor_works_in_8_bits_unless_told_otherwise(asked: str, used: str) -> None:

    options = EngineOptions(Path("models"), device="cpu", compute_type=asked)
    assert choose_device(options) == ("cpu", used)
