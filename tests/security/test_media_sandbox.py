"""S3: a decoder that was taken over finds nothing to take, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
from tests import makemedia
from tests.children import own_children
from tests.makecall import wav, wav_bytes
from tests.makemedia import BY_NAME
from tests.ways import WAYS, either_way

from tiro.errors import DecoderCrashed, LimitExceeded
from tiro.media.decode import DecoderPool
from tiro.media.stream import MediaStream, SpeechStream
from tiro.media.types import MediaLimits, WindowSizes


@pytest.fixture(scope="module", autouse=True)
def _children() -> Iterator[None]:
    """They are what is tested."""
    with own_children():
        yield


LONG = 200.0
"""Seconds of sound: more than the socket holds, so that the decoder still works after the first block."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makemedia.write(tmp_path_factory.mktemp("media") / "long", BY_NAME["flac"], seconds=LONG)


@pytest.fixture(params=WAYS)
def stream(recording: Path, request: pytest.FixtureRequest) -> Iterator[MediaStream]:
    with DecoderPool(spares=0, fork=request.param) as pool, pool.open(recording) as stream:
        next(stream)
        yield stream


def confined(code: str) -> str:
    """What ``code`` prints when it runs in the place of the decoder, behind the same limits."""
    script = """
        import os, socket, sys, threading, traceback, errno
        from tiro.media.child import confine
        from tiro.media.types import MediaLimits, WindowSizes
        confine(MediaLimits())
        def attempt(what):
            try:
                what()
            except OSError as err:
                print(errno.errorcode[err.errno])
            else:
                print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_nothing_can_be_opened_any_more(tmp_path: Path) -> None:
    code = f"""
        attempt(lambda: open("/etc/passwd"))
        attempt(lambda: open({str(tmp_path / "new")!r}, "w"))
        attempt(socket.socket)
        attempt(lambda: socket.socket(socket.AF_UNIX))
        attempt(os.pipe)
        attempt(os.openpty)
    """
    assert confined(code).split() == ["EMFILE"] * 6
    assert list(tmp_path.iterdir()) == []


def test_the_limits_cannot_be_lifted() -> None:
    code = """
        import resource
        for name in ("AS", "CPU", "FSIZE", "CORE", "NOFILE", "NPROC"):
            print(name, *resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
    """
    limits = {
        name: (int(soft), int(hard)) for name, soft, hard in map(str.split, confined(code).splitlines())
    }
    assert limits.pop("AS") == (2 * 1024**3,) * 2
    soft, hard = limits.pop("CPU")
    assert 3600 < soft <= hard < 3700
    assert limits == dict.fromkeys(["FSIZE", "CORE", "NOFILE", "NPROC"], (0, 0))


@linux
@either_way
def test_the_running_decoder_has_these_limits_and_no_secrets(
    fork: bool, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIRO_DATABASE_URL", "postgresql://user:hunter2@db/tiro")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with DecoderPool(spares=0, fork=fork) as pool, pool.open(recording) as stream:
        next(stream)
        proc = Path(f"/proc/{stream.pid}")
        limits = {
            line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()
        }
        assert limits["Max address space"] == [str(2 * 1024**3)] * 2
        assert limits["Max open files"] == ["0", "0"]
        assert limits["Max file size"] == ["0", "0"]
        environment = (proc / "environ").read_bytes()
        assert b"hunter2" not in environment
        assert b"TIRO_" not in environment
        assert os.getsid(stream.pid) == os.getpgid(stream.pid) == stream.pid
        opened = [os.readlink(entry) for entry in (proc / "fd").iterdir()]
        allowed = (str(recording), "socket:", "/dev/null")
        assert [path for path in opened if not path.startswith(allowed)] == []
        assert len(opened) <= 4
        flags = [
            (proc / "fdinfo" / entry.name).read_text()
            for entry in (proc / "fd").iterdir()
            if os.readlink(entry) == str(recording)
        ]
        assert [int(text.split("flags:\t")[1].split()[0], 8) & os.O_ACCMODE for text in flags] == [
            os.O_RDONLY
        ]


@linux
def test_a_file_that_is_open_for_writing_is_handed_over_for_reading(recording: Path) -> None:
    with recording.open("r+b") as file, DecoderPool(spares=0) as pool, pool.open(file) as stream:
        next(stream)
        for entry in Path(f"/proc/{stream.pid}/fd").iterdir():
            if os.readlink(entry) == str(recording):
                text = Path(f"/proc/{stream.pid}/fdinfo/{entry.name}").read_text()
                assert int(text.split("flags:\t")[1].split()[0], 8) & os.O_ACCMODE == os.O_RDONLY


def test_a_decoder_killed_at_work_is_a_typed_error(stream: MediaStream) -> None:
    os.kill(stream.pid, signal.SIGKILL)
    with pytest.raises(DecoderCrashed):
        list(stream)
    assert not psutil.pid_exists(stream.pid)


@pytest.mark.slow
def test_a_decoder_that_aborts_is_a_typed_error(stream: MediaStream) -> None:
    os.kill(stream.pid, signal.SIGABRT)
    with pytest.raises(DecoderCrashed):
        list(stream)


@either_way
def test_a_decoder_that_stands_still_is_killed(fork: bool, recording: Path) -> None:
    with DecoderPool(MediaLimits(stall_seconds=0.3), spares=1, fork=fork) as pool:
        pool.warm(30)
        with pool.open(recording) as stream:
            next(stream)
            os.kill(stream.pid, signal.SIGSTOP)
            with pytest.raises(DecoderCrashed, match="sign of life"):
                list(stream)
        assert not psutil.pid_exists(stream.pid)


@pytest.mark.slow
@either_way
def test_processor_time_runs_out(fork: bool, tmp_path: Path) -> None:
    """To find the speech in half an hour takes seconds; to read it may take less than one, of which limits
    are multiples."""
    path = tmp_path / "speech.wav"
    path.write_bytes(wav(1800))
    limits = MediaLimits(cpu_seconds=0)
    with DecoderPool(limits, spares=0, fork=fork) as pool, pytest.raises(LimitExceeded, match="processor"):
        for _ in pool.listen(path, "auto", WindowSizes(30.0, 1.0)):
            pass


@either_way
def test_memory_runs_out(fork: bool, tmp_path: Path) -> None:
    """Two silent channels: all is held until one of them speaks, for a minute at most."""
    path = tmp_path / "silence.wav"
    path.write_bytes(wav_bytes(np.zeros((50 * 16_000, 2), np.int16)))
    limits = MediaLimits(memory=1024 * 1024)
    with DecoderPool(limits, spares=0, fork=fork) as pool, pytest.raises((LimitExceeded, DecoderCrashed)):
        list(pool.listen(path, "auto", WindowSizes(30.0, 1.0)))


@either_way
def test_nothing_is_left_after_close(fork: bool, recording: Path) -> None:
    others = {child.pid for child in psutil.Process().children(recursive=True)}
    pool = DecoderPool(spares=2, fork=fork)
    pool.warm()
    streams = [pool.open(recording) for _ in range(3)]
    ours = {child.pid for child in psutil.Process().children(recursive=True)} - others
    assert {stream.pid for stream in streams} <= ours
    for stream in streams:
        stream.close()
    pool.close()
    assert not {pid for pid in ours if psutil.pid_exists(pid)}


@pytest.mark.slow
def test_a_spare_that_died_is_replaced(recording: Path) -> None:
    with DecoderPool(spares=1, fork=False) as pool:
        before = {child.pid for child in psutil.Process().children()}
        pool.warm(30)
        (spare,) = {child.pid for child in psutil.Process().children()} - before
        os.kill(spare, signal.SIGKILL)
        while psutil.Process(spare).status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()
        with pool.open(recording) as stream:
            assert stream.pid != spare
            assert len(next(stream)) == 16_000


@either_way
def test_no_orphan_outlives_its_parent(fork: bool, recording: Path) -> None:
    """The parent is killed with a decoder at work and a template or a spare waiting; both see it and go.

    Each of them holds the writing end of a pipe: when all are gone, the pipe ends.
    """
    script = f"""
        import os, subprocess, sys, time
        from pathlib import Path
        import tiro.media.process as process
        original = subprocess.Popen
        process.subprocess.Popen = lambda *args, **more: original(*args, pass_fds=[int(sys.argv[1])], **more)
        from tiro.media.decode import DecoderPool
        pool = DecoderPool(spares=1, fork={fork})
        pool.warm(30)
        stream = pool.open(Path({str(recording)!r}))
        next(stream)
        pool.warm(30)
        print(stream.pid, flush=True)
        sys.stdin.read()
    """
    reading, writing = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(writing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[writing],
    )
    os.close(writing)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout, os.fdopen(reading, "rb") as pipe:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
        parent.wait()
        assert select.select([pipe], [], [], 20)[0], "a decoder outlived its parent"
        assert pipe.read() == b""


def test_a_decoder_lost_in_a_loop_goes_with_its_parent() -> None:
    """One that writes meets a closed socket; one that never does has a thread that listens."""
    script = """
        import queue, socket, threading
        from tiro.media.child import _listen
        sock = socket.socket(fileno=0)
        threading.Thread(target=_listen, args=(sock, queue.SimpleQueue()), daemon=True).start()
        sock.sendall(b"x")
        while True:
            pass
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdin=theirs.fileno())
        assert ours.recv(1) == b"x"
        ours.shutdown(socket.SHUT_RDWR)
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()


def test_a_decoder_that_talks_nonsense_is_not_believed(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiro.media import sandbox

    answers = {
        "a length of 4 GB": b"\xff" * 8,
        "no JSON": b"\x04\0\0\0\0\0\0\0oops",
        "no type": b"\x02\0\0\0\0\0\0\0{}",
        "half a message": b"\x40\0\0\0\0\0\0\0{",
        "an odd error": b'\x2f\0\0\0\0\0\0\0{"type":"error","code":"unauthorized","a":"bc"}',
        "bare info": b'\x20\0\0\0\0\0\0\0{"type":"info","channels":1,"a":2}'[:40],
    }
    monkeypatch.setattr(sandbox, "_LAST_WORDS", 0.05)  # these would not die by themselves
    for answer in answers.values():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            box = sandbox.Sandbox()
            monkeypatch.setattr(box, "_read", lambda room, sock=ours: sock.recv_into(room))
            theirs.sendall(answer)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(DecoderCrashed):
                MediaStream(box, MediaLimits())
            box.close()


def test_a_decoder_that_sends_too_much_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent counts too: the child's own meter is no use once the child is not its own."""
    from tiro.media import sandbox

    info = {"container": "wav", "codec": "pcm", "sample_rate": 1, "channels": 1, "bit_rate": None}
    info |= {"claimed_duration": None, "video": None}
    messages = [({"type": "info", "channels": 1, "info": info}, b"")] + [({"type": "pcm"}, bytes(32_000))] * 3
    box = sandbox.Sandbox()
    monkeypatch.setattr(box, "receive", lambda: messages.pop(0))
    with MediaStream(box, MediaLimits(max_duration=2)) as stream, pytest.raises(LimitExceeded):
        list(stream)
    assert messages == []


_INFO = {"container": "wav", "codec": "pcm", "sample_rate": 1, "channels": 2, "bit_rate": None}
_INFO |= {"claimed_duration": None, "video": None}
_SPLIT = {"type": "layout", "mode": "split", "reason": "so it says"}
_WINDOW = {"type": "window", "channel": 0, "start": 1.0, "end": 2.0, "safe_until": 2.0}
_WINDOW |= {"spans": [[1.0, 2.0]], "stretches": [[1.0, 2.0]]}
_LONG = {"end": 40.0, "safe_until": 40.0, "stretches": [[1.0, 40.0]]}
_ADRIFT = {"end": 40.0, "safe_until": 40.0, "stretches": [[1.0, 1.5], [1.2, 1.7]]}


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param([_WINDOW], id="a window before the layout"),
        pytest.param([_SPLIT, _SPLIT], id="two layouts"),
        pytest.param([_SPLIT | {"mode": "both"}], id="no such layout"),
        pytest.param([_SPLIT, _WINDOW | {"channel": 2}], id="no such channel"),
        pytest.param([_SPLIT, _WINDOW | {"channel": -1}], id="a channel from behind"),
        pytest.param([_SPLIT, _WINDOW | _LONG], id="a window too long"),
        pytest.param([_SPLIT, _WINDOW | {"stretches": [[1.0, 1.5]]}], id="less than its audio"),
        pytest.param([_SPLIT, _WINDOW | {"stretches": []}], id="made of nothing"),
        pytest.param([_SPLIT, _WINDOW | {"stretches": [[1.5, 2.5]]}], id="a stretch outside"),
        pytest.param([_SPLIT, _WINDOW | _ADRIFT], id="stretches that overlap"),
        pytest.param([_SPLIT, _WINDOW | {"end": float("nan")}], id="no number"),
        pytest.param([_SPLIT, _WINDOW | {"start": 2.0, "end": 1.0}], id="backwards"),
        pytest.param([_SPLIT, _WINDOW | {"spans": [[0.0, 2.0]]}], id="a span outside"),
        pytest.param([_SPLIT, _WINDOW | {"spans": [["1", None]]}], id="a span of nothing"),
        pytest.param([_SPLIT, _WINDOW, _WINDOW], id="a window twice"),
        pytest.param([_SPLIT, _WINDOW | {"safe_until": 0.5}], id="a promise broken at once"),
        pytest.param([_SPLIT, _WINDOW | {"safe_until": 9e9}], id="a promise without end"),
        pytest.param([_SPLIT, {"type": "mark", "safe_until": [1.0]}], id="a mark for one channel"),
        pytest.param([_SPLIT, {"type": "mark", "safe_until": [-1.0, 0.0]}], id="a mark before the start"),
        pytest.param([_SPLIT, {"type": "mark", "safe_until": [9e9, 0.0]}], id="a mark beyond the end"),
        pytest.param([{"type": "end", "duration": 1.0, "notices": []}], id="an end before the layout"),
        pytest.param([_SPLIT, {"type": "end", "duration": 9e9, "notices": []}], id="hours too many"),
        pytest.param([_SPLIT, {"type": "end", "duration": "x", "notices": []}], id="no duration"),
        pytest.param([_SPLIT, {"type": "end", "duration": 1.0}], id="an end without notices"),
    ],
)
def test_a_decoder_that_lies_about_speech_is_not_believed(
    lies: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiro.media import sandbox

    audio = np.zeros(16_000, "<f4").tobytes()
    messages = [({"type": "info", "channels": 2, "info": _INFO}, b"")] + [(lie, audio) for lie in lies]
    box = sandbox.Sandbox()
    monkeypatch.setattr(box, "receive", lambda: messages.pop(0))
    limits = MediaLimits(max_duration=100)
    with SpeechStream(box, limits, WindowSizes(30.0, 1.0)) as stream:
        with pytest.raises((DecoderCrashed, LimitExceeded)):
            list(stream)
        with pytest.raises((DecoderCrashed, LimitExceeded)):
            next(stream)
    assert messages == []


@pytest.mark.parametrize(
    "audio",
    [np.zeros(31 * 16_000, "<f4"), np.full(16_000, np.inf, "<f4"), np.zeros(1, "<i2")],
    ids=["too long", "infinite", "half a sample"],
)
def test_audio_that_cannot_be_is_not_passed_on(
    audio: npt.NDArray[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiro.media import sandbox

    messages = [({"type": "info", "channels": 2, "info": _INFO}, b""), (_SPLIT, b"")]
    messages += [(_WINDOW, audio.tobytes())]
    box = sandbox.Sandbox()
    monkeypatch.setattr(box, "receive", lambda: messages.pop(0))
    with SpeechStream(box, MediaLimits(), WindowSizes(30.0, 1.0)) as stream, pytest.raises(DecoderCrashed):
        list(stream)
