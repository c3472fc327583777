"""Real recordings for tests; they live outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

AUDIO = Path(os.environ.get("TIRO_TEST_AUDIO") or Path(__file__).parents[1] / "../shared/audio").resolve()

needs_audio = pytest.mark.skipif(
    not (AUDIO / "manifest.json").is_file(),
    reason=f"no real recordings in {AUDIO}; TIRO_TEST_AUDIO names their folder",
)
