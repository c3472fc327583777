"""Rules that no linter knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tiro
from tiro.errors import TiroError, error_classes, error_for_code
from tiro.features.audit.service import Action

SOURCE = Path(tiro.__file__).parent
LIMIT = 450


def test_error_codes_are_unique_and_round_trip() -> None:
    classes = error_classes()
    assert len({cls.code for cls in classes}) == len(classes)
    for cls in classes:
        error = error_for_code(cls.code)
        assert type(error) is cls
        assert error.message.endswith(".")
        assert 400 <= cls.status < 600
    assert type(error_for_code("never heard of")) is TiroError


def test_modules_are_rooms_not_halls() -> None:
    long = {
        path.name: count
        for path in SOURCE.rglob("*.py")
        # A migration is a list of tables, and is never changed once it is released; errors.py is a list too.
        if path.parent.name != "versions"
        and path.name != "errors.py"
        and (count := len(path.read_text().splitlines())) > LIMIT
    }
    assert not long


@pytest.mark.parametrize("module", ["tiro", "tiro.cli.main", "tiro.offline"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = "av onnxruntime ctranslate2 faster_whisper pocketsphinx huggingface_hub alembic"
    code = f"import sys, {module}; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_deed_has_words_in_the_web_app() -> None:
    words = Path(__file__).parents[2] / "web" / "src" / "i18n" / "deeds.en.ts"
    assert set(re.findall(r"^  'deed\.([a-z_.]+)':", words.read_text(), re.MULTILINE)) == set(Action)


def test_nothing_is_left_open_in_the_code() -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XXX|HACK)\b")
    found = [path.name for path in SOURCE.rglob("*.py") if mark.search(path.read_text())]
    assert not found
