"""The sample call that a new user sees first: the embedded engine must read it nearly word for word."""

from __future__ import annotations

import functools
import importlib.resources
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import av
import jiwer
import numpy as np

from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.host import EngineHosts
from tiro.engines.registry import EngineSpec
from tiro.speech.types import SAMPLE_RATE, Audio

SAMPLES = importlib.resources.files("tiro") / "samples"
Side = Literal["left", "right"]


@functools.cache
def channels() -> dict[Side, Audio]:
    with importlib.resources.as_file(SAMPLES / "support-call.flac") as file, av.open(str(file)) as media:
        frames = [frame.to_ndarray() for frame in media.decode(audio=0)]
        assert media.streams.audio[0].rate == SAMPLE_RATE
    both = np.concatenate(frames, axis=1).reshape(-1, 2).astype(np.float32) / 32768
    return {"left": both[:, 0], "right": both[:, 1]}


@functools.cache
def turns(side: Side) -> list[tuple[float, Audio]]:
    """What one side says, turn by turn, with a little silence on both sides, and when it starts (seconds)."""
    audio = channels()[side]
    speaking = np.flatnonzero(audio)
    breaks = np.flatnonzero(np.diff(speaking) > SAMPLE_RATE)
    starts, ends = speaking[np.r_[0, breaks + 1]], speaking[np.r_[breaks, -1]]
    margin = SAMPLE_RATE // 4
    return [
        (float(start) / SAMPLE_RATE, audio[start - margin : end + margin])
        for start, end in zip(starts, ends, strict=True)
    ]


def truth(side: Side) -> list[str]:
    lines = (SAMPLES / "support-call.txt").read_text().splitlines()
    return [line.removeprefix(f"{side}: ") for line in lines if line.startswith(side)]


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def test_the_sample_is_a_call_in_turns_without_overlap() -> None:
    left, right = channels()["left"], channels()["right"]
    assert 35 < len(left) / SAMPLE_RATE < 50
    assert not np.any((left != 0) & (right != 0))
    assert len(turns("left")) == len(truth("left"))
    assert len(turns("right")) == len(truth("right"))


def test_the_embedded_engine_reads_the_sample(tmp_path: Path) -> None:
    said = [(text, audio) for side in ("left", "right") for text, (_, audio) in pairs(side)]
    spec = EngineSpec("pocketsphinx")
    with EngineHosts(EngineOptions(tmp_path), limit=2) as hosts, ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda item: hosts.transcribe(spec, TranscribeRequest(item[1])), said))
    heard = [plain(" ".join(segment.text for segment in segments)) for segments in results]
    wrong = jiwer.wer([plain(text) for text, _ in said], heard)
    print(f"\nsample call, PocketSphinx: {wrong:.1%} of the words wrong")
    assert wrong < 0.05


def pairs(side: Side) -> list[tuple[str, tuple[float, Audio]]]:
    return list(zip(truth(side), turns(side), strict=True))
