from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests import tinywhisper
from tests.modelhub import SHA, Hub, serving

from tiro.engines import catalogue, download, folders
from tiro.errors import ModelUnavailable, UnknownEngine


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinywhisper.make(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture
def hub(tiny: Path) -> Iterator[Hub]:
    with serving(tiny) as server:
        yield server


@pytest.fixture
def mirror(tiny: Path) -> Iterator[Hub]:
    with serving(tiny) as server:
        yield server


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_our_names_and_repositories_are_the_librarys() -> None:
    from faster_whisper.utils import _MODELS

    ours = {name: model.repo for name, model in catalogue.MODELS.items()}
    ours |= {alias: catalogue.MODELS[name].repo for alias, name in catalogue.ALIASES.items()}
    assert ours == _MODELS


def test_pull_fetches_what_is_needed_and_reports_bytes(hub: Hub, tmp_path: Path, tiny: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = download.pull(
        "tiny", tmp_path / "m", lambda done, all_: seen.append((done, all_)), hubs=[hub.address]
    )
    assert folder == tmp_path / "m" / "tiny"
    assert {file.name for file in folder.iterdir()} == {file.name for file in tiny.iterdir()}
    for file in tiny.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    total = sum(file.stat().st_size for file in tiny.iterdir())
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [model.name for model in catalogue.present(tmp_path / "m")] == ["tiny"]


def test_a_model_that_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    folder = tinywhisper.make(tmp_path / "large-v3-turbo")
    assert download.pull("turbo", tmp_path, hubs=["http://127.0.0.1:9"]) == folder


def test_a_pull_that_breaks_off_leaves_nothing_present_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.absent = {"model.bin"}
    with pytest.raises(ModelUnavailable, match=r"model\.bin"):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    assert catalogue.present(tmp_path) == []
    assert catalogue.find("tiny", tmp_path) is None
    hub.absent = set()
    assert download.pull("tiny", tmp_path, hubs=[hub.address]) == catalogue.find("tiny", tmp_path)


def test_a_cut_connection_goes_on_where_it_was(hub: Hub, tmp_path: Path, tiny: Path) -> None:
    hub.broken = {"model.bin"}
    folder = download.pull("tiny", tmp_path, hubs=[hub.address])
    assert (folder / "model.bin").read_bytes() == (tiny / "model.bin").read_bytes()
    assert [path for path in hub.ranges if path.endswith("model.bin")]


@pytest.mark.parametrize("fault", ["cut", "refused"])
def test_a_hub_that_fails_is_told_as_such(hub: Hub, tmp_path: Path, fault: str) -> None:
    hub.fault = fault
    with pytest.raises(ModelUnavailable, match="tiro models pull tiny"):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    assert catalogue.present(tmp_path) == []


def test_a_file_with_a_wrong_checksum_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.lies = {"model.bin"}
    with pytest.raises(ModelUnavailable, match="damaged"):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    assert catalogue.present(tmp_path) == []


def test_the_next_pull_goes_on_where_the_last_broke_off(hub: Hub, tmp_path: Path, tiny: Path) -> None:
    hub.dies = True
    with pytest.raises(ModelUnavailable, match="goes on where it stopped"):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    hub.dies, hub.fault = False, ""
    seen: list[int] = []
    half = (tiny / "model.bin").stat().st_size // 2
    folder = download.pull("tiny", tmp_path, lambda done, _: seen.append(done), hubs=[hub.address])
    assert same(folder, tiny)
    assert {file.name for file in folder.iterdir()} == {file.name for file in tiny.iterdir()}
    assert [path for path in hub.ranges if path.endswith("model.bin")]
    assert seen == sorted(seen)
    assert max(after - before for before, after in pairwise([0, *seen])) >= half


def test_a_hub_that_knows_no_ranges_sends_it_all_again(hub: Hub, tmp_path: Path, tiny: Path) -> None:
    hub.ranged = False
    hub.broken = {"model.bin"}
    assert same(download.pull("tiny", tmp_path, hubs=[hub.address]), tiny)


def test_a_model_that_changed_on_the_hub_is_not_mixed_with_the_old_one(
    hub: Hub, tmp_path: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hub.dies = True
    with pytest.raises(ModelUnavailable):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    newer = tinywhisper.make(tmp_path_factory.mktemp("newer") / "tiny", text="over the fox")
    hub.dies, hub.fault, hub.folder = False, "", newer
    assert same(download.pull("tiny", tmp_path, hubs=[hub.address]), newer)
    assert not hub.ranges


def test_a_small_file_is_checked_by_its_git_hash(hub: Hub, tmp_path: Path) -> None:
    hub.plain = {"config.json", "vocabulary.json"}
    hub.lies = {"vocabulary.json"}
    with pytest.raises(ModelUnavailable, match=r"vocabulary\.json arrived damaged"):
        download.pull("tiny", tmp_path, hubs=[hub.address])
    hub.lies = set()
    assert download.pull("tiny", tmp_path, hubs=[hub.address]) == tmp_path / "tiny"


def same(folder: Path, tiny: Path) -> bool:
    return all((folder / file.name).read_bytes() == file.read_bytes() for file in tiny.iterdir())


def test_hubs_are_tried_in_their_order(hub: Hub, mirror: Hub, tmp_path: Path, tiny: Path) -> None:
    dead = "http://127.0.0.1:9"
    assert download.reachable([dead, mirror.address + "/", hub.address]) == [mirror.address, hub.address]
    hub.fault = "refused"  # whoever asks it for a file would fail
    assert same(download.pull("tiny", tmp_path, hubs=[dead, mirror.address, hub.address]), tiny)


@pytest.mark.parametrize("trouble", ["refused", "cut", "lies", "absent"])
def test_the_next_hub_makes_good_what_the_first_does_wrong(
    hub: Hub, mirror: Hub, tmp_path: Path, tiny: Path, trouble: str
) -> None:
    if trouble in {"refused", "cut"}:
        hub.fault = trouble
    else:
        setattr(hub, trouble, {"model.bin"})
    assert same(download.pull("tiny", tmp_path, hubs=[hub.address, mirror.address]), tiny)
    assert [model.name for model in catalogue.present(tmp_path)] == ["tiny"]


def test_another_hub_goes_on_where_the_first_broke_off(
    hub: Hub, mirror: Hub, tmp_path: Path, tiny: Path
) -> None:
    hub.dies = True
    assert same(download.pull("tiny", tmp_path, hubs=[hub.address, mirror.address]), tiny)
    assert not hub.ranges
    assert [path for path in mirror.ranges if path.endswith("model.bin")]


def test_without_a_hub_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        download.pull("tiny", tmp_path, hubs=["http://127.0.0.1:9"])
    for what in ("tiro models pull tiny", str(tmp_path / "tiny"), "Systran/faster-whisper-tiny"):
        assert what in caught.value.message
    assert download.reachable(["http://127.0.0.1:9"]) == []


@pytest.mark.parametrize("name", ["huge", "../tiny", ".hidden", "/etc", ""])
def test_only_known_models_are_pulled_or_removed(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownEngine):
        download.pull(name, tmp_path)
    if name != "huge":
        with pytest.raises(UnknownEngine):
            catalogue.remove(name, tmp_path)


@pytest.mark.parametrize("lost", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_half_a_model_is_not_present(tmp_path: Path, lost: str) -> None:
    folder = tinywhisper.make(tmp_path / "tiny")
    assert catalogue.find("tiny", tmp_path) == folder
    (folder / lost).write_bytes(b"")
    assert catalogue.find("tiny", tmp_path) is None
    assert catalogue.present(tmp_path) == []
    assert folders.missing_files(folder) == [lost]


def test_models_are_found_by_path_by_own_name_and_in_the_shared_cache(tmp_path: Path, cache: Path) -> None:
    folder = tinywhisper.make(tmp_path / "models" / "our-words")
    assert catalogue.find(str(folder), Path("/nowhere")) == folder
    assert catalogue.find("our-words", tmp_path / "models") == folder
    repo = cache / "models--Systran--faster-whisper-base"
    shared = tinywhisper.make(repo / "snapshots" / SHA)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(SHA)
    assert catalogue.find("base", tmp_path / "models") == shared
    found = catalogue.present(tmp_path / "models")
    assert [(model.name, model.source) for model in found] == [("base", "cache"), ("our-words", "models")]


def test_remove_deletes_ours_and_only_ours(tmp_path: Path) -> None:
    tinywhisper.make(tmp_path / "large-v3-turbo")
    assert catalogue.remove("turbo", tmp_path)
    assert not catalogue.remove("turbo", tmp_path)
    assert catalogue.find("turbo", tmp_path) is None
