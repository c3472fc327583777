"""Decoded blocks into the channels that are transcribed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tiro.media.types import Samples
from tiro.speech.channels import LayoutDetector, mixdown, plan_layout
from tiro.speech.types import Audio, ChannelLayout, ChannelMode


class ChannelSplitter:
    """Hold blocks back until it is clear whether they are two speakers or one scene, then let them through.

    ``layout`` is None until then. What is held is bounded by the detector's patience.
    """

    def __init__(self, mode: ChannelMode, *, stereo: bool) -> None:
        self.layout: ChannelLayout | None = plan_layout(mode, 2 if stereo else 1)
        self._detector = LayoutDetector()
        self._held: list[Samples] = []

    def feed(self, block: Samples) -> Iterator[tuple[Audio, ...]]:
        """Yield, for each block that can go on, one array a channel of the layout."""
        if self.layout is None:
            self._held.append(block)
            self.layout = self._detector.feed(block)
            yield from self._release()
        else:
            yield self._split(block)

    def finish(self) -> Iterator[tuple[Audio, ...]]:
        """The recording has ended: decide with what there is, and let the rest through."""
        if self.layout is None:
            self.layout = self._detector.finish()
        yield from self._release()

    def _release(self) -> Iterator[tuple[Audio, ...]]:
        if self.layout is not None:
            held, self._held = self._held, []
            yield from map(self._split, held)

    def _split(self, block: Samples) -> tuple[Audio, ...]:
        assert self.layout is not None
        if self.layout.mode == "split":
            return tuple(
                np.ascontiguousarray(block[:, channel], dtype=np.float32) / 32768.0
                for channel in range(block.shape[1])
            )
        return (mixdown(block),)
