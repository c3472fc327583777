from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests import tinywhisper

from tiro.engines import catalogue
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
        self.ranges: list[str] = []

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
            siblings.append({"rfilename": file.name, "size": len(data)} | lfs)
        return {"id": self.server.repo, "modelId": self.server.repo, "sha": SHA, "siblings": siblings}

    def file(self, name: str, body: bool) -> None:
        data = (self.server.folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
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
        if found := re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("Range", "")):
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
    folder = catalogue.pull(
        "tiny", tmp_path / "m", lambda done, all_: seen.append((done, all_)), endpoint=hub.address
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
    assert catalogue.pull("turbo", tmp_path, endpoint="http://127.0.0.1:9") == folder


def test_a_pull_that_breaks_off_leaves_nothing_present_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.absent = {"model.bin"}
    with pytest.raises(ModelUnavailable, match=r"model\.bin"):
        catalogue.pull("tiny", tmp_path, endpoint=hub.address)
    assert catalogue.present(tmp_path) == []
    assert catalogue.find("tiny", tmp_path) is None
    hub.absent = set()
    assert catalogue.pull("tiny", tmp_path, endpoint=hub.address) == catalogue.find("tiny", tmp_path)


def test_a_cut_connection_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The library goes on at a multiple of its chunk, which is larger than the whole of this model.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 65_536)
    hub.broken = {"model.bin"}
    folder = catalogue.pull("tiny", tmp_path, endpoint=hub.address)
    assert (folder / "model.bin").read_bytes() == (tiny / "model.bin").read_bytes()
    assert [path for path in hub.ranges if path.endswith("model.bin")]


@pytest.mark.parametrize("fault", ["cut", "refused"])
def test_a_hub_that_fails_is_told_as_such(hub: Hub, tmp_path: Path, fault: str) -> None:
    hub.fault = fault
    with pytest.raises(ModelUnavailable, match="tiro models pull tiny"):
        catalogue.pull("tiny", tmp_path, endpoint=hub.address)
    assert catalogue.present(tmp_path) == []


def test_a_file_with_a_wrong_checksum_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.lies = {"model.bin"}
    with pytest.raises(ModelUnavailable, match="damaged"):
        catalogue.pull("tiny", tmp_path, endpoint=hub.address)
    assert catalogue.present(tmp_path) == []


def test_without_a_hub_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        catalogue.pull("tiny", tmp_path, endpoint="http://127.0.0.1:9")
    for what in ("tiro models pull tiny", str(tmp_path / "tiny"), "Systran/faster-whisper-tiny"):
        assert what in caught.value.message
    assert not catalogue.hub_reachable("http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["huge", "../tiny", ".hidden", "/etc", ""])
def test_only_known_models_are_pulled_or_removed(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownEngine):
        catalogue.pull(name, tmp_path)
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
    assert catalogue.missing_files(folder) == [lost]


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
