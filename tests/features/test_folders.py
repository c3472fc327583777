"""Folders on the command line, here and on a server, and batches of `tiro.Client`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import ThreadServer, thread_server

from tiro import logs
from tiro.cli import batch as batch_command
from tiro.cli.main import main
from tiro.cli.sources import expand
from tiro.client import Batch, Client
from tiro.errors import Conflict, InvalidRequest, NotFound, StorageFull, UnknownEngine, UnsupportedMedia

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    settings = make_settings(tmp_path_factory.mktemp("data"), engine={"download": False, "default": "echo"})
    with thread_server(settings) as running:
        yield running


@pytest.fixture
def client(server: ThreadServer) -> Iterator[Client]:
    with Client(server.address, server.key) as client:
        yield client


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder with recordings in it and below it, and what is none."""
    folder = tmp_path / "calls"
    for name in ("b.wav", "a.WAV", "monday/a.wav", "monday/.hidden.wav", ".trash/c.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(wav(1))
    (folder / "notes.txt").write_text("Dear Sir or Madam")
    return folder


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    def in_this_process(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["tiro", "transcribe", *arguments])
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIRO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIRO_ENGINE_DOWNLOAD", "false")
    monkeypatch.setenv("TIRO_ENGINE_DEFAULT", "echo")
    monkeypatch.setattr(batch_command, "_PAUSE", 0.02)
    yield in_this_process
    logs.configure("error", "text")


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest, server: ThreadServer) -> list[str]:
    """The same on this machine and on a server."""
    return [] if request.param == "here" else ["--server", server.address, "--key", server.key]


def test_a_folder_becomes_a_folder(command: Command, calls: Path, where: list[str]) -> None:
    done = command("calls", "-r", "-o", "out", "--format", "srt", *where)
    assert done.returncode == 0, done.stderr
    assert written(Path("out")) == ["a.srt", "b.srt", "monday/a.srt"]


def test_without_r_what_is_below_a_folder_does_not_count(calls: Path) -> None:
    named = expand([str(calls), str(calls / "notes.txt")], recursive=False)
    assert [source.filename for source in named] == ["a.WAV", "b.wav", "notes.txt"]


def test_one_bad_file_in_a_folder(command: Command, calls: Path, server: ThreadServer) -> None:
    (calls / "0.mp3").write_text("no audio")
    done = command("calls", "--server", server.address, "--key", server.key)
    assert done.returncode == UnsupportedMedia.exit_code
    assert "0.mp3: This is not a recording" in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("==>")] == [
        "==> calls/a.WAV <==",
        "==> calls/b.wav <==",
    ]


def test_a_folder_without_recordings(calls: Path) -> None:
    for path in (calls / "a.WAV", calls / "b.wav"):
        path.unlink()
    with pytest.raises(InvalidRequest, match="With -r"):
        expand([str(calls)], recursive=False)


def test_a_folder_is_one_batch_with_one_summary(
    command: Command, calls: Path, client: Client, server: ThreadServer
) -> None:
    done = command("calls", "--server", server.address, "--key", server.key)
    (batch, *_) = client.batches(limit=1)
    assert (batch.title, batch.status, batch.counts["completed"]) == ("calls", "completed", 2)
    assert done.stderr.startswith("2 recordings: 0:02 in ")
    assert done.stderr.count("\n") == 1


def test_a_wrong_request_is_told_once(command: Command, calls: Path, server: ThreadServer) -> None:
    done = command("calls", "--engine", "siri", "--server", server.address, "--key", server.key)
    assert done.returncode == UnknownEngine.exit_code
    assert done.stderr.count("tiro:") == 1


def test_where_the_server_takes_no_more_the_rest_is_not_sent(
    command: Command, calls: Path, server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, taken = server.runtime.recordings.accept, list[str]()

    def full_after_one(*arguments: Any, **options: Any) -> tuple[str, bool]:
        if taken:
            raise StorageFull
        taken.append("")
        return accept(*arguments, **options)

    monkeypatch.setattr(server.runtime.recordings, "accept", full_after_one)
    done = command("calls", "-r", "--server", server.address, "--key", server.key)
    assert done.returncode == StorageFull.exit_code
    assert "the 1 recordings after it were not sent" in done.stderr
    assert "1 recordings: 0:01" in done.stderr
    assert "2 failed" in done.stderr
    assert "==> calls/a.WAV <==" in done.stdout


def test_ctrl_c_cancels_the_batch(
    command: Command, calls: Path, server: ThreadServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    # The command's own clock: the server's threads sleep too.
    monkeypatch.setattr(batch_command, "time", SimpleNamespace(sleep=interrupted, monotonic=time.monotonic))
    (calls / "a.WAV").write_bytes(wav(30))
    done = command("calls", "--engine", "echo:0.5", "--server", server.address, "--key", server.key)
    monkeypatch.undo()
    assert done.returncode == 130
    (batch, *_) = client.batches(limit=1)
    assert client.wait_batch(batch.id, timeout=60).status == "cancelled"


def test_a_batch_from_python(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav(2))
    sent: list[tuple[int, int, int]] = []
    told: list[Batch] = []
    batch = client.batch(
        [path, b"no audio", wav(1)],
        title="calls",
        priority="high",
        channels="mix",
        on_upload=lambda number, done, total: sent.append((number, done, total)),
    )
    assert [refused.filename for refused in batch.refused] == ["recording"]
    assert isinstance(batch.refused[0].error, UnsupportedMedia)
    assert {number for number, done, total in sent if done == total} == {0, 1, 2}
    more = client.upload(wav(1), batch=batch.id)
    ended = client.wait_batch(batch.id, timeout=60, on_progress=told.append)
    assert (ended.title, ended.status, ended.done, ended.total) == ("calls", "completed", 3, 3)
    assert [file.filename for file in ended.files] == ["call.wav", "recording", "recording"]
    assert ended.files[2].id == more.id
    assert all(file.ended for file in ended.files)
    assert (ended.position, ended.duration) == (pytest.approx(4.0), pytest.approx(4.0))
    assert told[-1].files == ()
    assert client.get(ended.files[0].id).priority == "high"
    with pytest.raises(Conflict):
        client.cancel_batch(batch.id)
    with pytest.raises(NotFound):
        client.get_batch("none")


def test_a_wait_for_a_batch_ends_in_time(client: Client) -> None:
    batch = client.batch([wav(20)], engine="echo:0.5")
    with pytest.raises(TimeoutError):
        client.wait_batch(batch.id, timeout=0.01)
    client.cancel_batch(batch.id)


def test_recordings_that_are_shared_are_listed(server: ThreadServer, client: Client) -> None:
    runtime = server.runtime
    user = runtime.users.create("friend")
    sent = client.upload(wav(1))
    owner_id = next(one.id for one in runtime.users.list() if one.name == "owner")
    runtime.sharing.share(sent.id, owner_id, user=user.name, group=None, role="viewer")
    with Client(server.address, runtime.keys.create("key", user.name)[1]) as friend:
        assert [found.id for found in friend.list(shared="true").items] == [sent.id]
        assert friend.list().total == 0
        assert friend.wait(sent.id, timeout=60).ended
