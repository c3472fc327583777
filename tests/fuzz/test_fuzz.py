"""A short look, always the same: `make fuzz` looks longer, and elsewhere each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz


@pytest.mark.slow
def test_no_answer_breaks_the_openapi_document(tmp_path: Path) -> None:
    assert fuzz(tmp_path, seconds=20, seed=1) == 0
