"""What forks decoders: each is alone with its own line, and none depends on another or on the template."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from tests import makemedia
from tests.makemedia import BY_NAME
from tests.serving import wait_until
from tests.ways import forking

from tiro.errors import DecoderCrashed
from tiro.media import template
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits

pytestmark = forking

SECONDS = 60


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "long"
    return makemedia.write(path, BY_NAME["flac"], seconds=SECONDS)


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(fork=True) as pool:
        yield pool


def template_of(pid: int) -> int:
    return psutil.Process(pid).ppid()


def descriptors(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return found


def test_a_decoder_holds_nothing_of_the_template_or_of_another(pool: DecoderPool, recording: Path) -> None:
    streams = [pool.open(recording) for _ in range(4)]
    try:
        forker = template_of(streams[0].pid)
        assert forker != os.getpid()
        held = []
        for stream in streams:
            assert template_of(stream.pid) == forker
            opened = descriptors(stream.pid)
            assert set(opened) == {"/dev/null", str(recording), *sockets(opened)}
            held.append(sockets(opened))
        assert [len(each) for each in held] == [1] * len(streams)
        held.append(sockets(descriptors(forker)))
        assert len(held[-1]) == 1 + len(streams)  # its own line, and one to say how each of them ends
        assert len(set().union(*held)) == sum(map(len, held)), "a socket is held by two"
    finally:
        for stream in streams:
            stream.close()


def sockets(opened: list[str]) -> set[str]:
    return {name for name in opened if name.startswith("socket:")}


def test_the_template_has_one_thread_and_no_secrets(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with DecoderPool(fork=True) as pool, pool.open(recording) as stream:
        forker = template_of(stream.pid)
        assert len(list(Path(f"/proc/{forker}/task").iterdir())) == 1
        assert b"hunter2" not in Path(f"/proc/{forker}/environ").read_bytes()
        assert os.getsid(forker) == forker != os.getsid(stream.pid)


def test_nothing_is_forked_from_several_threads() -> None:
    script = """
        import socket, threading
        from tiro.media.forking import Forker
        ours, theirs = socket.socketpair()
        threading.Thread(target=ours.recv, args=(1,), daemon=True).start()
        try:
            Forker(theirs).run()
        except RuntimeError as err:
            print(err)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "one thread" in done.stdout


@pytest.mark.slow
def test_many_files_leave_nothing_open(pool: DecoderPool, tmp_path: Path) -> None:
    path = makemedia.write(tmp_path / "file", BY_NAME["flac"], seconds=1)
    with pool.open(path) as stream:
        forker = template_of(stream.pid)
        own, its = len(descriptors(os.getpid())), len(descriptors(forker))
    for way in ("read", "close", "kill") * 5:
        with pool.open(path) as stream:
            if way == "read":
                list(stream)
            elif way == "kill":
                with suppress(ProcessLookupError):  # it may be done with so short a file
                    os.kill(stream.pid, signal.SIGKILL)

    def all_closed() -> bool:
        try:
            return not psutil.Process(forker).children() and len(descriptors(forker)) < its
        except (psutil.NoSuchProcess, FileNotFoundError):
            return True  # the template was replaced, as after a kill at a bad moment, and has nothing open

    # The template hears of a decoder's end a moment after us; what leaks stays for ever.
    wait_until(all_closed, what="the end of all decoders and of their lines in the template")
    assert len(descriptors(os.getpid())) < own


@pytest.mark.slow
def test_a_dead_template_harms_no_file_and_is_replaced(pool: DecoderPool, recording: Path) -> None:
    with pool.open(recording) as stream:
        first = next(stream)
        forker = psutil.Process(template_of(stream.pid))
        forker.kill()
        wait_until(lambda: forker.status() == psutil.STATUS_ZOMBIE, what="the template's death")
        with pool.open(recording) as other:
            assert template_of(other.pid) != forker.pid
            assert sum(map(len, other)) == SECONDS * 16_000
        assert len(first) + sum(map(len, stream)) == SECONDS * 16_000
        assert stream.info.duration == SECONDS


def test_a_decoder_whose_template_died_still_dies_on_request(pool: DecoderPool, recording: Path) -> None:
    with pool.open(recording) as stream:
        next(stream)
        pid, forker = stream.pid, psutil.Process(template_of(stream.pid))
        forker.kill()
        wait_until(lambda: forker.status() == psutil.STATUS_ZOMBIE, what="the template's death")
        os.kill(pid, signal.SIGSTOP)  # so that it cannot see its line close
        watch = os.pidfd_open(pid)
    try:
        assert select.select([watch], [], [], 10)[0], "a stopped decoder outlived its stream"
    finally:
        os.close(watch)


@pytest.mark.slow
def test_a_template_that_is_stuck_is_replaced(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_ANSWER", 0.2)
    with DecoderPool(MediaLimits(stall_seconds=2), fork=True) as pool:
        pool.warm(30)
        with pool.open(recording) as stream:
            forker = template_of(stream.pid)
        os.kill(forker, signal.SIGSTOP)
        with pytest.raises(DecoderCrashed):
            pool.open(recording)
        assert not psutil.pid_exists(forker)
        monkeypatch.undo()
        pool.warm(30)
        with pool.open(recording) as stream:
            assert len(next(stream)) == 16_000


def test_after_a_crash_the_next_decoder_has_another_layout(pool: DecoderPool, recording: Path) -> None:
    """Decoders of one template share its addresses: who crashes one must not meet them again."""
    with pool.open(recording) as bystander, pool.open(recording) as stream:
        next(bystander)
        old = template_of(stream.pid)
        os.kill(stream.pid, signal.SIGSEGV)
        with pytest.raises(DecoderCrashed):
            list(stream)
        with pool.open(recording) as other:
            assert template_of(other.pid) != old
        assert template_of(bystander.pid) == old
        assert 16_000 + sum(map(len, bystander)) == SECONDS * 16_000
    wait_until(lambda: psutil.Process(old).status() == psutil.STATUS_ZOMBIE, what="the old template's end")


def test_one_that_was_stopped_is_no_crash(pool: DecoderPool, recording: Path) -> None:
    with pool.open(recording) as stream:
        old = template_of(stream.pid)
    with pool.open(recording) as stream:
        assert template_of(stream.pid) == old


@pytest.mark.slow
def test_a_stream_outlives_its_pool(recording: Path) -> None:
    with DecoderPool(fork=True) as pool:
        stream = pool.open(recording)
        pid, forker = stream.pid, template_of(stream.pid)
    with stream:
        assert not psutil.pid_exists(forker)
        assert sum(map(len, stream)) == SECONDS * 16_000
    with pool.open(recording) as late:
        assert len(next(late)) == 16_000
        assert template_of(late.pid) == os.getpid()
    wait_until(lambda: pid not in psutil.pids(), what="the decoder's end")


def test_a_decoder_that_cannot_see_it_goes_with_its_parent(recording: Path) -> None:
    """Both are deaf: the decoder stands still, and its parent is killed. The template ends it."""
    script = f"""
        import os, signal, sys
        from pathlib import Path
        from tiro.media.decode import DecoderPool
        pool = DecoderPool(fork=True)
        stream = pool.open(Path({str(recording)!r}))
        next(stream)
        os.kill(stream.pid, signal.SIGSTOP)
        print(stream.pid, flush=True)
        sys.stdin.read()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout:
        pid = int(parent.stdout.readline())
        watch, forker = os.pidfd_open(pid), template_of(pid)
        parent.kill()
        parent.wait()
        try:
            assert select.select([watch], [], [], 10)[0], "a decoder outlived its parent"
        finally:
            os.close(watch)
        wait_until(lambda: forker not in psutil.pids(), what="the template's end")


def test_a_request_without_its_descriptors_is_let_go() -> None:
    """As when the template has no room for them: the line is closed, and the next is served."""
    running = template._Running()
    try:
        for count in (1, 2):
            pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(count)]
            running.ask(*(theirs for _, theirs in pairs))
            for _, theirs in pairs:
                theirs.close()
            said = pairs[-1][0].recv(32)
            assert said.isdigit() if count == 2 else said == b""
            for ours, _ in pairs:
                ours.close()
    finally:
        running.kill()


@pytest.mark.slow
def test_old_kernels_get_a_python_for_each_file(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(pid: int) -> NoReturn:
        raise OSError(errno.ENOSYS, "unknown")

    monkeypatch.setattr(os, "pidfd_open", unknown)
    with DecoderPool(spares=0) as pool, pool.open(recording) as stream:
        assert template_of(stream.pid) == os.getpid()
