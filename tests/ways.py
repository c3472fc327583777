"""The ways to start a decoder, for tests that must hold on each of them."""

from __future__ import annotations

import pytest

from tiro.media.template import can_fork

forking = pytest.mark.skipif(not can_fork(), reason="decoders are forked on Linux only")

either_way = pytest.mark.parametrize(
    "fork", [pytest.param(True, id="forked", marks=forking), pytest.param(False, id="spawned")]
)
