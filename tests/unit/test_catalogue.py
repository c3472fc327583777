from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from tests import tinywhisper

from tiro.engines import catalogue, download, folders
from tiro.errors import ModelUnavailable, UnknownEngine

SHA = "0123456789" * 4


class Hub(ThreadingHTTPServer):
    """A model hub as far as a download sees it, with one repository."""

    daemon_threads = True

    def __init__(self, folder: Path, repo: str) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.folder = folder
        self.repo = repo
        self.lies: set[str] = set()
        self.absent: set[str] = set()
        self.broken: set[str] = set()
        self.fault = ""
        self.ranged = True
        self.dies = False
        """Breaks off in the middle of the weights, and refuses everything from then on."""
        self.ranges: list[str] = []
        self.plain: set[str] = set()
        """Files that the listing has only a Git hash of, as the hub's has of small ones."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if self.server.fault and path != "/":
            if self.server.fault == "refused":
                self.send_error(403)
            self.close_connection = True
            return None
        if path.startswith(f"/api/models/{self.server.repo}"):
            return self.send(json.dumps(self.listing()).encode(), {"Content-Type": "application/json"}, body)
        if found := re.fullmatch(rf"/{self.server.repo}/resolve/[^/]+/(.+)", path):
            return self.file(found[1], body)
        return self.send(b"", {}, body)

    def listing(self) -> dict[str, object]:
        files = [file for file in self.server.folder.iterdir() if file.name not in self.server.absent]
        siblings: list[dict[str, object]] = [{"rfilename": "README.md", "size": 5}]
        for file in files:
            data = file.read_bytes()
            if file.name in self.server.lies:
                data = b"x" * len(data)
            digest = hashlib.sha256(data).hexdigest()
            lfs = {"lfs": {"size": len(data), "sha256": digest, "pointerSize": 10}}
            blob = {"blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
            plain = file.name in self.server.plain
            siblings.append({"rfilename": file.name, "size": len(data)} | blob | ({} if plain else lfs))
        return {"id": self.server.repo, "modelId": self.server.repo, "sha": SHA, "siblings": siblings}

    def file(self, name: str, body: bool) -> None:
        data = (self.server.folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        if body and self.server.dies and name == "model.bin":
            self.server.broken = {name}
            self.server.fault = "refused"
        if body and name in self.server.broken:
            self.server.broken.discard(name)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        return self.send(data, headers, body)

    def send(self, data: bytes, headers: dict[str, str], body: bool) -> None:
        start = 0
        if self.server.ranged and (found := re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("Range", ""))):
            start = int(found[1])
            self.server.ranges.append(self.path)
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self.wfile.write(data[start:])

    def log_message(self, *_: object) -> None:
        pass


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


@contextmanager
def serving(tiny: Path) -> Iterator[Hub]:
    with Hub(tiny, catalogue.MODELS["tiny"].repo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
