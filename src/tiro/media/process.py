"""A decoder's process as its sandbox needs it, and the way to start one that works everywhere."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Protocol


class Process(Protocol):
    """One decoder's process. Not for several threads at once."""

    @property
    def pid(self) -> int:
        """Raises:
        DecoderCrashed: it never came to be.
        """

    @property
    def alive(self) -> bool: ...

    def finish(self, patience: float) -> int | None:
        """Give it ``patience`` seconds to end by itself, then kill it with all that it may have started.

        Afterwards its number may belong to somebody else. May be called again.

        Returns:
            How it ended: its exit code, or a signal as a negative number; None where nobody can know.
        """


class Starter(Protocol):
    """Makes decoders' processes, each with one end of a socket pair as its only link to the parent."""

    def __call__(self, theirs: socket.socket) -> Process:
        """``theirs`` stays the caller's and may be closed afterwards.

        Raises:
            OSError: no process can be started.
        """


class Spawned:
    """A Python of its own for one file: needs a third of a second of processor time before it is ready."""

    def __init__(self, theirs: socket.socket) -> None:
        self._process = spawn(theirs)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def finish(self, patience: float) -> int | None:
        self._await_death(patience)
        # Once reaped, the number may belong to somebody else.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        return int(self._process.wait())

    def _await_death(self, patience: float) -> None:
        """Wait without reaping, so that the group's number stays taken until the group is killed."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not hasattr(os, "waitid"):  # macOS before Python 3.13
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
                return
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if self._process.returncode is not None or os.waitid(os.P_PID, self.pid, flags) is not None:
                return
            time.sleep(0.005)


def spawn(stdin: socket.socket, *arguments: str) -> subprocess.Popen[bytes]:
    """``python -m tiro.media.child`` in a session of its own, with nothing of the parent's but ``stdin``.

    Raises:
        OSError: the process cannot be started.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "tiro.media.child", *arguments],
        stdin=stdin.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        cwd="/",
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    """All that the child gets to know: where modules and libraries lie, to stay on one thread, and to give
    memory back as soon as it is free."""
    keep = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return keep | {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path),
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "MALLOC_TRIM_THRESHOLD_": "131072",
    }
