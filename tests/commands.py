"""`tiro` run in the test's own process: a process of its own takes a second longer each time."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest

from tiro import logs
from tiro.cli.main import main


def run_here(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[str]:
    """What ``tiro ARGUMENTS`` says, and how it ends."""
    monkeypatch.setattr(sys, "argv", ["tiro", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    capsys.readouterr()
    try:
        main()
        code: Any = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        logs.configure("error", "text")  # as it was before
    said = capsys.readouterr()
    return subprocess.CompletedProcess(arguments, code, said.out, said.err)
