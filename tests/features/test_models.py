"""Models, for admins: what is here, downloads that arrive, break off and are stopped, and removing."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from sqlalchemy import update
from tests import tinywhisper
from tests.conftest import make_settings
from tests.modelhub import SHA, Hub, serving
from tests.serving import ServerProcess, ThreadServer, server_process, thread_server, wait_until

from tiro.db.tables import ModelDownloadTable
from tiro.engines import catalogue, download
from tiro.features.models import repository
from tiro.kit import clock

MODELS = "/api/v1/admin/models"
TINY = f"{MODELS}/tiny"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinywhisper.make(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture(scope="module")
def running(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, ThreadServer]]:
    data = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch, serving(tiny) as hub:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(data / "cache"))
        with thread_server(make_settings(data, engine={"hubs": hub.address})) as server:
            yield hub, server


@pytest.fixture
def hub(running: tuple[Hub, ThreadServer]) -> Hub:
    """As it was at first."""
    hub, _ = running
    hub.dies, hub.fault, hub.gate, hub.broken, hub.ranges = False, "", None, set(), []
    return hub


@pytest.fixture
def server(hub: Hub, running: tuple[Hub, ThreadServer]) -> ThreadServer:
    """Without a model, whatever the test before left."""
    _, server = running
    server.client.delete(TINY)
    return server


def model(server: ThreadServer, name: str = "tiny") -> dict[str, Any]:
    answer = server.client.get(f"{MODELS}/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def until(server: ThreadServer, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = model(server)
        return found if found["state"] == state else None

    return dict(wait_until(look, what=f"tiny as {state}"))


def test_a_model_arrives_is_used_and_goes(server: ThreadServer, tiny: Path) -> None:
    listed = server.client.get(MODELS).json()
    assert {item["state"] for item in listed["items"]} == {"absent"}
    assert len(listed["items"]) == len(catalogue.MODELS)
    assert {"echo", "pocketsphinx", "whisper"} <= {engine["name"] for engine in listed["engines"]}
    assert listed["downloads"] is True
    begun = server.client.post(f"{TINY}/download")
    assert (begun.status_code, begun.json()["name"]) == (202, "tiny")
    here = until(server, "present")
    size = sum(file.stat().st_size for file in tiny.iterdir())
    assert (here["bytes"], here["source"], here["download"]) == (size, "models", None)
    assert server.client.get(MODELS).json()["items"][0]["name"] == "tiny"
    # Asked for again, it is here.
    assert server.client.post(f"{TINY}/download").json()["state"] == "present"
    assert server.client.delete(TINY).status_code == 204
    assert model(server)["state"] == "absent"
    assert server.client.delete(TINY).status_code == 404
    deeds = server.client.get("/api/v1/audit", params={"action": "model"}).json()["items"]
    assert [(deed["action"], deed["target"]) for deed in deeds[:2]] == [
        ("model.removed", "tiny"),
        ("model.fetched", "tiny"),
    ]


def test_a_download_that_fails_says_why_and_goes_on(server: ThreadServer, hub: Hub) -> None:
    hub.dies = True
    server.client.post(f"{TINY}/download")
    failed = until(server, "failed")
    assert "broke off" in failed["download"]["error"]
    assert 0 < failed["bytes"] < failed["download"]["total"]
    hub.fault, hub.dies, hub.broken = "", False, set()
    server.client.post(f"{TINY}/download")
    until(server, "present")
    assert [path for path in hub.ranges if path.endswith("model.bin")]


def test_what_is_left_of_a_download_can_be_removed(server: ThreadServer, hub: Hub) -> None:
    hub.dies = True
    server.client.post(f"{TINY}/download")
    until(server, "failed")
    assert server.client.delete(TINY).status_code == 204
    left = model(server)
    assert (left["state"], left["bytes"]) == ("absent", 0)
    assert not catalogue.partial("tiny", server.runtime.models.folder).exists()


def test_a_hub_that_cannot_be_reached(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    server.client.post(f"{TINY}/download")
    assert "cannot be reached" in until(server, "failed")["download"]["error"]


def test_a_download_can_be_watched_and_stopped(server: ThreadServer, hub: Hub) -> None:
    """One that is on its way is begun but once, and not removed; stopped, it ends."""
    gate = threading.Event()
    hub.gate = gate
    try:
        server.client.post(f"{TINY}/download")
        wait_until(lambda: model(server)["download"]["total"], what="a total")
        under_way = model(server)
        assert under_way["state"] == "fetching"
        assert (
            server.client.post(f"{TINY}/download").json()["download"]["started_at"]
            == (under_way["download"]["started_at"])
        )
        refused = server.client.delete(TINY)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert server.client.delete(f"{TINY}/download").json()["state"] == "absent"
        assert server.client.delete(f"{TINY}/download").status_code == 409
    finally:
        gate.set()
    threads = [thread for thread in threading.enumerate() if thread.name == "model tiny"]
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert model(server)["state"] == "absent"


def test_every_server_shows_a_download_and_may_stop_it(server: ThreadServer, hub: Hub) -> None:
    """Also one that a server of the same database fetches elsewhere; and whoever dies is taken over."""
    gate = threading.Event()
    hub.gate = gate
    try:
        with thread_server(server.runtime.settings) as other:
            server.client.post(f"{TINY}/download")
            wait_until(lambda: model(other)["download"]["done"], what="progress, as the other shows it")
            shown = model(other)
            assert shown["state"] == "fetching"
            assert 0 < shown["download"]["done"] < shown["download"]["total"]
            assert shown["download"]["host"] == socket.gethostname()
            again = other.client.post(f"{TINY}/download").json()["download"]
            assert again["started_at"] == shown["download"]["started_at"]
            assert other.client.delete(TINY).status_code == 409
            # Whoever gives no sign of life is dead, and said to be.
            long_ago = clock.now() - timedelta(seconds=60)
            aged = update(ModelDownloadTable).values(seen_at=long_ago, holder="dead")
            with server.runtime.database.write() as session:
                session.execute(aged)
            for one in (server, other):
                dead = model(one)
                assert (dead["state"], "has ended" in dead["download"]["error"]) == ("failed", True)
            assert server.client.delete(f"{TINY}/download").status_code == 409
            taken_over = other.client.post(f"{TINY}/download").json()
            assert (taken_over["state"], taken_over["download"]["error"]) == ("fetching", None)
            # Whoever was taken over may end when it likes.
            with server.runtime.database.write() as session:
                repository.end(session, "tiny", "dead")
                repository.fail(session, "tiny", "dead", "too late")
            assert model(server)["state"] == "fetching"
            assert server.client.delete(f"{TINY}/download").status_code == 200
            assert model(other)["state"] == "absent"
            fetch = other.runtime.models._fetches["tiny"]
            wait_until(fetch._stop.is_set, what="the end, where it is fetched")
            gate.set()
            for thread in [one for one in threading.enumerate() if one.name.startswith("model ")]:
                thread.join(20)
                assert not thread.is_alive()
            assert (model(server)["state"], model(other)["state"]) == ("absent", "absent")
    finally:
        gate.set()


@pytest.mark.slow
def test_a_download_whose_server_was_killed(tmp_path: Path, hub: Hub) -> None:
    hub.gate = gate = threading.Event()
    said = {"engine_hubs": hub.address, "engine_download": "true"}
    first = ServerProcess(tmp_path / "data", **said)
    try:
        first.client.post(f"{TINY}/download")
        wait_until(lambda: first.client.get(TINY).json()["download"]["done"], what="progress")
    finally:
        first.kill()
        gate.set()
    hub.gate = None
    with server_process(tmp_path / "data", **said) as second:

        def state() -> dict[str, Any]:
            return dict(second.client.get(TINY).json())

        # With a database of its own, it knows at once that nobody else can be at it.
        wait_until(lambda: state()["state"] == "failed", what="the end of what nobody fetches")
        assert "has ended" in state()["download"]["error"]
        second.client.post(f"{TINY}/download")
        wait_until(lambda: state()["state"] == "present", what="the model")


def test_a_model_that_finds_no_room_is_not_begun(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.runtime.models, "_reserve", 10**18)
    refused = server.client.post(f"{TINY}/download")
    assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
    assert model(server)["state"] == "absent"


def test_where_the_operator_wants_no_downloads(tmp_path: Path) -> None:
    with thread_server(make_settings(tmp_path / "data")) as server:
        refused = server.client.post(f"{TINY}/download")
        assert refused.status_code == 409
        assert "TIRO_ENGINE_DOWNLOAD" in refused.json()["detail"]
        assert server.client.get(MODELS).json()["downloads"] is False


@pytest.mark.parametrize("name", ["huge", "..%2Fdata", ".partial-tiny"])
def test_what_is_no_model(server: ThreadServer, name: str) -> None:
    for verb, path in (("GET", ""), ("POST", "/download"), ("DELETE", "/download"), ("DELETE", "")):
        assert server.client.request(verb, f"{MODELS}/{name}{path}").status_code in {404, 405}


def test_a_model_that_somebody_put_there(server: ThreadServer) -> None:
    tinywhisper.make(server.runtime.models.folder / "our-own")
    own = model(server, "our-own")
    assert (own["state"], own["known"], own["megabytes"]) == ("present", False, None)
    assert server.client.post(f"{MODELS}/our-own/download").status_code == 404
    assert server.client.delete(f"{MODELS}/our-own").status_code == 204
    assert server.client.get(f"{MODELS}/our-own").status_code == 404


def test_a_model_in_the_cache_of_others_is_theirs(server: ThreadServer, tiny: Path, tmp_path: Path) -> None:
    snapshot = Path(constants.HF_HUB_CACHE) / "models--Systran--faster-whisper-tiny"
    revision = snapshot / "snapshots" / SHA
    revision.parent.mkdir(parents=True)
    (snapshot / "refs").mkdir()
    (snapshot / "refs" / "main").write_text(SHA)
    shutil.copytree(tiny, revision)
    try:
        assert model(server)["source"] == "cache"
        refused = server.client.delete(TINY)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert "other programs share" in refused.json()["detail"]
        assert revision.exists()
    finally:
        shutil.rmtree(snapshot)


def test_what_has_arrived_counts_as_room(
    server: ThreadServer, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that goes on needs no more than what is missing of it."""
    part = catalogue.partial("tiny", server.runtime.models.folder)
    part.mkdir(parents=True)
    with (part / ".model.bin.0.part").open("wb") as file:
        file.truncate(catalogue.MODELS["tiny"].megabytes * 1_000_000 + 1)
    monkeypatch.setattr(server.runtime.models, "_free", lambda: server.runtime.models._reserve + 1)
    assert server.client.post(f"{TINY}/download").status_code == 202
    until(server, "present")


def test_whatever_breaks_a_download_is_told(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("the wire is cut")

    with monkeypatch.context() as patched:
        patched.setattr(download, "pull", breaks)
        server.client.post(f"{TINY}/download")
        assert "the wire is cut" in until(server, "failed")["download"]["error"]
    assert server.client.post(f"{TINY}/download").json()["state"] == "fetching"
    until(server, "present")


def test_a_server_that_ends_leaves_no_download_behind(tmp_path: Path, hub: Hub) -> None:
    hub.gate = gate = threading.Event()
    settings = make_settings(tmp_path / "data", engine={"hubs": hub.address})
    try:
        with thread_server(settings) as one:
            one.client.post(f"{TINY}/download")
            wait_until(lambda: model(one)["download"]["total"], what="a total")
    finally:
        gate.set()
    for thread in [found for found in threading.enumerate() if found.name.startswith("model ")]:
        thread.join(20)
        assert not thread.is_alive()
    with thread_server(settings) as two:
        left = model(two)
        assert (left["state"], left["download"]) == ("absent", None)
        assert left["bytes"] > 0
