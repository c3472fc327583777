"""The gate runs what failed once more, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEADY = "def test_steady():\n    pass\n"
BROKEN = "def test_broken():\n    assert False\n"
UNSTEADY = """
from pathlib import Path

def test_unsteady{number}():
    before = Path(__file__).with_suffix(".ran{number}")
    ran = before.exists()
    before.touch()
    assert ran
"""


def again(folder: Path, *tests: str, ini: str = "[pytest]\n") -> tuple[int, str, str]:
    """Exit code, output and notes of `tools/again` on a suite of these tests."""
    (folder / "pytest.ini").write_text(ini)
    (folder / "test_some.py").write_text("\n".join([STEADY, *tests]))
    # As pytest is started by `make`, and without what plugins cost.
    pytest_here = folder / "pytest"
    pytest_here.write_text(
        f'#!/bin/sh\nPYTEST_DISABLE_PLUGIN_AUTOLOAD=1 exec {sys.executable} -m pytest "$@"\n'
    )
    pytest_here.chmod(0o755)
    notes = folder / "notes"
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "again", notes, pytest_here, "-q"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, notes.read_text() if notes.exists() else ""


@pytest.mark.slow
def test_what_passes_is_run_once(tmp_path: Path) -> None:
    code, said, notes = again(tmp_path)
    assert (code, notes) == (0, "")
    assert said.count(" passed") == 1


def test_what_passes_on_its_second_run_is_no_failure_and_is_said(tmp_path: Path) -> None:
    code, said, notes = again(tmp_path, UNSTEADY.format(number=1))
    assert (code, notes) == (0, "test_some.py::test_unsteady1\n")
    assert said.endswith("unsteady:\n    test_some.py::test_unsteady1\n")


def test_what_fails_again_fails(tmp_path: Path) -> None:
    code, said, notes = again(tmp_path, BROKEN, UNSTEADY.format(number=1))
    assert (code, notes) == (1, "test_some.py::test_unsteady1\n")
    assert said.endswith("failed again:\n    test_some.py::test_broken\n")


def test_many_failures_are_no_chance(tmp_path: Path) -> None:
    code, said, notes = again(tmp_path, *(UNSTEADY.format(number=number) for number in range(4)))
    assert (code, notes) == (1, "")
    assert "Once more" not in said


@pytest.mark.parametrize(
    "line", ["addopts = --no-such-option", pytest.param("python_files = none.py", marks=pytest.mark.slow)]
)
def test_what_is_no_tests_failure_stays_one(tmp_path: Path, line: str) -> None:
    code, said, notes = again(tmp_path, BROKEN, ini=f"[pytest]\n{line}\n")
    assert code > 1
    assert notes == ""
    assert "Once more" not in said


@pytest.mark.slow
def test_a_file_that_cannot_be_read_fails(tmp_path: Path) -> None:
    code, _, notes = again(tmp_path, "import no_such_module")
    assert (code > 0, notes) == (True, "")
