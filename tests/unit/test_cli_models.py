"""`tiro models remove`: what it deletes, what it leaves alone, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import tinywhisper
from typer.testing import CliRunner

from tiro.cli import models
from tiro.errors import NotFound, UnknownEngine


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIRO_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def remove(name: str) -> str:
    done = CliRunner().invoke(models.app, ["remove", name])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_a_model_is_removed_and_what_that_freed_is_said(folder: Path) -> None:
    tinywhisper.make(folder / "small")
    tinywhisper.make(folder / "tiny")
    size = sum(file.stat().st_size for file in (folder / "small").iterdir())
    said = remove("small")
    assert f"{size / 1e6:.1f} MB freed" in said
    assert str(folder) in said
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["tiny"]


def test_another_name_and_a_broken_model_are_removed_too(folder: Path) -> None:
    broken = folder / "large-v3-turbo"
    broken.mkdir(parents=True)
    (broken / "model.bin").write_bytes(b"x" * 2_000_000)
    assert "removed large-v3-turbo" in remove("turbo")
    assert not broken.exists()


def test_a_model_that_is_not_there(folder: Path) -> None:
    with pytest.raises(NotFound, match="tiro models list"):
        remove("small")


def test_the_cache_of_other_programs_is_left_alone(folder: Path) -> None:
    repo = folder.parent / "cache" / "models--Systran--faster-whisper-base"
    snapshot = repo / "snapshots" / "abc"
    tinywhisper.make(snapshot)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    with pytest.raises(NotFound, match="cache") as caught:
        remove("base")
    assert str(snapshot) in caught.value.message
    assert (snapshot / "model.bin").exists()


def test_of_a_link_only_the_link_goes(folder: Path) -> None:
    elsewhere = tinywhisper.make(folder.parent / "elsewhere" / "small")
    folder.mkdir()
    (folder / "small").symlink_to(elsewhere)
    said = remove("small")
    assert "link" in said
    assert "freed" not in said
    assert [path for path in folder.iterdir() if not path.name.startswith(".lock")] == []
    assert (elsewhere / "model.bin").exists()
    # One that points to nothing any more can be removed too.
    (folder / "small").symlink_to(folder.parent / "gone")
    assert "removed" in remove("small")
    assert not (folder / "small").is_symlink()


def test_files_that_are_links_are_left_where_they_point_to(folder: Path) -> None:
    elsewhere = tinywhisper.make(folder.parent / "elsewhere" / "small")
    (folder / "small").mkdir(parents=True)
    for file in elsewhere.iterdir():
        (folder / "small" / file.name).symlink_to(file)
    assert "0.0 MB freed" in remove("small")
    assert not (folder / "small").exists()
    assert (elsewhere / "model.bin").exists()


@pytest.mark.parametrize("name", ["../small", "/etc", ".", "~", ".partial-small"])
def test_nothing_outside_the_folder_can_be_named(folder: Path, name: str) -> None:
    (folder / "small").mkdir(parents=True)
    with pytest.raises(UnknownEngine):
        remove(name)
    assert (folder / "small").is_dir()
