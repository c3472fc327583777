"""The ways to start a decoder, for tests that must hold on each of them."""

from __future__ import annotations

import pytest

from tiro.media.template import can_fork

forking = pytest.mark.skipif(not can_fork(), reason="decoders are forked on Linux only")

WAYS = [
    pytest.param(True, id="forked", marks=forking),
    # Where decoders are forked, the other way is for the slow tests: each costs a process.
    pytest.param(False, id="spawned", marks=[pytest.mark.slow] if can_fork() else []),
]
either_way = pytest.mark.parametrize("fork", WAYS)
