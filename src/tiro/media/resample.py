"""Frames of any format into 16 kHz int16. Runs only inside the decoder's child."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import av.filter
import numpy as np

from tiro.media.types import Samples
from tiro.speech.types import SAMPLE_RATE

_UNNAMED_LAYOUT = re.compile(r"\d+ channels")


class Resampler:
    """Frames of one format into 16 kHz int16 with one or two channels.

    Named layouts (5.1 and the like) are mixed by FFmpeg's weights, which favour the middle. Channels
    without names are mostly one microphone each, so they are averaged with equal weights.
    """

    def __init__(self, first: Any, channels: int) -> None:
        self._format = self._signature(first)
        layout = first.layout
        self._average = layout.nb_channels > 2 and bool(_UNNAMED_LAYOUT.fullmatch(layout.name))
        target = "stereo" if channels == 2 else "mono"
        self._channels = channels
        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add(
            "abuffer",
            sample_rate=str(first.sample_rate),
            sample_fmt=first.format.name,
            channel_layout=layout.name,
            time_base=f"1/{first.sample_rate}",
        )
        shape = graph.add(
            "aformat",
            sample_rates=str(SAMPLE_RATE),
            sample_fmts="s16",
            channel_layouts=layout.name if self._average else target,
        )
        sink = graph.add("abuffersink")
        source.link_to(shape)
        shape.link_to(sink)
        graph.configure()
        self._graph = graph
        self._fed = self._given = 0

    @staticmethod
    def _signature(frame: Any) -> tuple[str, str, int]:
        return frame.format.name, frame.layout.name, frame.sample_rate

    def takes(self, frame: Any) -> bool:
        return self._signature(frame) == self._format

    def feed(self, frame: Any) -> Iterator[Samples]:
        # The clock has placed the frame already; what counts here is the order of the samples.
        frame.pts = None
        self._fed += frame.samples
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[Samples]:
        self._graph.push(None)
        yield from self._pull()
        length = round(self._fed * SAMPLE_RATE / self._format[2])
        if not self._given and length:
            # Less than the filter is long (a millisecond or two) never comes out; its time still counts.
            yield np.zeros((length, self._channels), dtype=np.int16)

    def _pull(self) -> Iterator[Samples]:
        while True:
            try:
                out: Any = self._graph.pull()
            except (EOFError, BlockingIOError):
                return
            samples = np.asarray(out.to_ndarray(), dtype=np.int16).reshape(out.samples, -1)
            if self._average:
                samples = np.rint(samples.mean(axis=1, keepdims=True)).astype(np.int16)
            if samples.shape[1] != self._channels:
                samples = np.repeat(samples, self._channels, axis=1)
            self._given += len(samples)
            yield samples
