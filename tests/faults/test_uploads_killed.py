"""R1: an upload that was answered with success is never lost, whenever the power goes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.databases import POSTGRESQL, sqlites_own
from tests.makecall import wav
from tests.serving import ServerProcess, thread_server, wait_until

from tiro.storage.local import LocalStorage

SPEECH = wav(seconds=3)
_SYNCS = "fsync,fdatasync,rename,renameat,renameat2"


@pytest.fixture(scope="module")
def strace() -> None:
    """Skips where strace is not here, or may not attach."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, to stop at each sync point")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        with subprocess.Popen(["strace", "-qq", "-p", str(sleeper.pid)], stderr=subprocess.DEVNULL) as tracer:
            wait_until(
                lambda: _all_traced(sleeper.pid) or tracer.poll() is not None, what="an answer of strace"
            )
            allowed = tracer.poll() is None
            tracer.terminate()
        sleeper.kill()
    if not allowed:
        pytest.skip("strace may not attach to processes here")


@contextmanager
def traced(pid: int, output: Path, *options: str) -> Iterator[None]:
    """strace on all threads of a running process and those to come, until the end of the block."""
    command = ["strace", "-qq", "-f", "-y", "-o", str(output), *options, "-p", str(pid)]
    with subprocess.Popen(command) as tracer:
        wait_until(lambda: _all_traced(pid), what="strace attached")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)


def _all_traced(pid: int) -> bool:
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)


def assert_nothing_lost(data: Path, acknowledged: list[str]) -> None:
    """After recovery: all that was acknowledged is there, and of the rest either everything or nothing."""
    with thread_server(make_settings(data), recover=True) as server:
        kept = {row["id"] for row in rows(data, "SELECT id FROM recordings")}
        assert set(acknowledged) <= kept
        for recording_id in kept:
            content = server.client.get(f"/api/v1/transcribe/{recording_id}/media").content
            assert hashlib.sha256(content).digest() == hashlib.sha256(SPEECH).digest()
            assert server.client.until_ended(recording_id)["status"] == "completed"
        assert set(server.runtime.storage.inventory()) == kept
    assert_sound(data)


# The calls at which the server is killed before it can make them, of the thread that takes the upload in.
POINTS = {
    "before the file is synced": ("fsync", 1),
    "before it gets its name": ("rename", 1),
    "before its folder is synced": ("fsync", 2),
    "before the folder above is synced": ("fsync", 3),
    "before the row is synced": ("fdatasync", 1),
}
IN_SHORT = {"before its folder is synced"}


@pytest.mark.usefixtures("strace")
@sqlites_own
@pytest.mark.parametrize(
    "point", [name if name in IN_SHORT else pytest.param(name, marks=pytest.mark.slow) for name in POINTS]
)
def test_killed_at_a_sync_point(tmp_path: Path, point: str) -> None:
    data = tmp_path / "data"
    call, number = POINTS[point]
    server = ServerProcess(data)
    try:
        first = server.client.send_file("call.wav", SPEECH, wait=30).json()
        assert first["status"] == "completed"
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        with traced(server.process.pid, tmp_path / "trace", "-e", f"trace={_SYNCS}", "-e", inject):
            with pytest.raises(httpx.TransportError):
                server.client.send_file("call.wav", SPEECH)
            assert server.process.wait(60) == -signal.SIGKILL
    finally:
        server.kill()
    assert_nothing_lost(data, [first["session_id"]])


@pytest.mark.slow
def test_killed_right_after_the_answer(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data)
    answer = server.client.send_file("call.wav", SPEECH)
    server.kill()
    assert answer.status_code == 202
    assert_nothing_lost(data, [answer.json()["session_id"]])


@pytest.mark.usefixtures("strace")
def test_the_order_that_loses_nothing(tmp_path: Path) -> None:
    """A kill leaves the kernel's memory, a power cut does not; so the order of the calls is looked at too."""
    data, trace = tmp_path / "data", tmp_path / "trace"
    with thread_server(make_settings(data, jobs={"lease_seconds": 600.0})) as server:
        # All places are taken and nobody writes, so that each sync seen is the upload's own.
        busy = [
            server.client.send_file("b.wav", SPEECH, engine="echo:100").json()["session_id"] for _ in "12"
        ]
        wait_until(lambda: all(server.client.session(one)["stage"] == "transcribe" for one in busy))
        calls = f"trace={_SYNCS},write,writev,send,sendto,sendmsg"
        with traced(os.getpid(), trace, "-e", calls, "-s", "40"):
            session_id = server.client.send_file("call.wav", SPEECH).json()["session_id"]
        for one in [*busy, session_id]:
            server.client.post(f"/api/v1/transcribe/{one}/cancel")
    lines = trace.read_text().splitlines()

    def first(pattern: str) -> int:
        # Each of the upload's calls waits for the one before; another thread's may cut its line in two.
        return next(number for number, line in enumerate(lines) if re.search(pattern, line))

    folder = re.escape(str(data / "media" / session_id[-2:]))
    kept = [
        first(rf"fsync\(\d+<.*/incoming/{session_id}>"),
        first(rf"rename.*/incoming/{session_id}.*{folder}/{session_id}"),
        first(rf"fsync\(\d+<{folder}>"),
        first(rf"fsync\(\d+<{re.escape(str(data / 'media'))}>"),
    ]
    answered = first(r'(write|send)\w*\(.*"HTTP/1\.1 202')
    assert [*kept, answered] == sorted([*kept, answered])
    # In between the row's transaction is made durable; by PostgreSQL that is done where we do not look.
    assert POSTGRESQL or any(
        re.search(r"fdatasync\(\d+<.*/tiro\.db-wal>", line) for line in lines[kept[-1] : answered]
    )


@pytest.mark.usefixtures("strace")
def test_a_request_that_is_given_up_in_the_midst_of_its_commit(tmp_path: Path) -> None:
    """A stopping server gives requests up while a thread still works for them: all or nothing, even then."""
    storage = LocalStorage(tmp_path / "data", reserve=0)
    with ThreadPoolExecutor(1) as pool:
        context = storage.create("aa")
        upload = context.__enter__()
        upload.write(SPEECH)
        slow = "inject=fsync:delay_enter=1000000:when=2"
        with traced(os.getpid(), tmp_path / "trace", "-e", "trace=fsync", "-e", slow):
            commit = pool.submit(upload.commit)
            wait_until(lambda: "aa" in set(storage.inventory()), what="the file under its name")
            assert not commit.done()
            context.__exit__(None, None, None)
            assert commit.exception() is None
    with storage.open("aa") as file:
        assert file.read() == SPEECH
