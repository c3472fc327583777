"""The template that decoders are forked from, as the parent sees it: start it, ask it, replace it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable

from tiro.errors import DecoderCrashed
from tiro.media.process import Process, Spawned, spawn

_ASK = 5.0  # seconds that a template may leave requests lying before it is held for stuck
_ANSWER = 10.0  # seconds that it gets for what takes it milliseconds, or half a second when it is new


def can_fork() -> bool:
    """Whether decoders can be forked here: macOS breaks what is forked, and old kernels know no pidfd."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class Template:
    """A process that has imported all that a decoder needs, and does nothing but fork. For several threads.

    It is started when it is first needed, and replaced when it died. It is also replaced after a decoder
    was killed by a signal that was not ours: forked decoders have one memory layout in common, and whoever
    wants to find it out by crash after crash shall meet a new one each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: _Running | None = None
        self._retired: list[_Running] = []
        self._closed = False

    def __call__(self, theirs: socket.socket) -> Process:
        """A new decoder; see ``Starter``. It may still be on its way into the world.

        Raises:
            OSError: there can be no template.
        """
        ours, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with status:
            try:
                running = self._ask(theirs, status)
            except OSError:
                ours.close()
                raise
        if running is None:
            ours.close()
            return Spawned(theirs)
        return _Forked(ours, lambda stuck: self._retire(running, kill=stuck))

    def warm(self, timeout: float) -> None:
        """Start the template; wait up to ``timeout`` seconds until it is ready.

        Raises:
            OSError: it cannot be started.
        """
        with self._lock:
            if self._closed:
                return
            running = self._running()
        running.wait_ready(timeout)

    def close(self) -> None:
        """End the template. Decoders at work go on; further ones are spawned, not forked."""
        with self._lock:
            self._closed = True
            ended = [*self._retired, *([self._current] if self._current else [])]
            self._retired, self._current = [], None
        for running in ended:
            running.kill()

    def _ask(self, theirs: socket.socket, status: socket.socket) -> _Running | None:
        with self._lock:
            if self._closed:
                return None
            self._retired = [running for running in self._retired if running.alive]
            for final in (False, True):
                running = self._running()
                try:
                    running.ask(theirs, status)
                except OSError:
                    # It died while nobody looked, or is stuck.
                    running.kill()
                    self._current = None
                    if final:
                        raise
                else:
                    break
            return running

    def _running(self) -> _Running:
        if self._current is None:
            self._current = _Running()
        return self._current

    def _retire(self, running: _Running, *, kill: bool) -> None:
        """Let it finish what it began; nothing new comes from it."""
        with self._lock:
            if self._current is running:
                self._current = None
                self._retired.append(running)
                running.dismiss()
        if kill:
            running.kill()


class _Running:
    """One template's process."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = spawn(theirs, "template")
            except OSError:
                self._control.close()
                raise
        self._control.settimeout(_ASK)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, *sockets: socket.socket) -> None:
        socket.send_fds(self._control, [b"fork"], [sock.fileno() for sock in sockets])

    def wait_ready(self, timeout: float) -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile by another thread
            _readable(self._control.fileno(), timeout)

    def dismiss(self) -> None:
        self._control.close()

    def kill(self) -> None:
        """Its decoders are not harmed: each has its own line to the parent."""
        self._control.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()


class _Forked:
    """A decoder that a template forked; the template says which process it is, and in the end how it ended.

    Args:
        status: the line on which the template says so; belongs to this object from now on.
        retire: called when the template should not be used any more, with whether it is stuck.
    """

    def __init__(self, status: socket.socket, retire: Callable[[bool], None]) -> None:
        self._status = status
        self._retire = retire
        self._pid: int | None = None
        self._pidfd = -1
        self._code: int | None = None
        self._finished = False

    @property
    def pid(self) -> int:
        self._introduce()
        if self._pid is None:
            raise DecoderCrashed("The decoder could not be started.")
        return self._pid

    @property
    def alive(self) -> bool:
        if self._finished:
            return False
        self._introduce()
        return self._pid is not None and not _readable(self._pidfd, 0)

    def finish(self, patience: float) -> int | None:
        if self._finished:
            return self._code
        self._introduce()
        if self._pid is not None:
            by_itself = _readable(self._pidfd, patience)
            if not by_itself:
                self._kill(self._pid)
            self._code = self._farewell()
            if by_itself and self._code is not None and self._code < 0:
                self._retire(False)
            os.close(self._pidfd)
        self._status.close()
        self._finished = True
        return self._code

    def _introduce(self) -> None:
        """Learn the process's number. Where none comes, closing the line sees to it that it ends."""
        if self._pid is not None or self._finished:
            return
        if not _readable(self._status.fileno(), _ANSWER):
            self._retire(True)
            return
        with contextlib.suppress(ConnectionError):
            data, fds, _, _ = socket.recv_fds(self._status, 32, 1)
            if data and fds:
                self._pid, self._pidfd = int(data), fds[0]

    def _kill(self, pid: int) -> None:
        # The pidfd has just said that the number is still its own. The group goes first, because a dead
        # leader may be reaped at any moment; a decoder that was only just forked does not lead one yet.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if sys.platform == "linux":
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _farewell(self) -> int | None:
        """The exit status, once the process is dead and reaped; None where its template died before it."""
        _readable(self._pidfd, _ANSWER)
        if _readable(self._status.fileno(), _ANSWER):
            with contextlib.suppress(ConnectionError):
                if data := self._status.recv(32):
                    return int(data)
        return None


def _readable(fd: int, timeout: float) -> bool:
    """Whether there is something to read, or the end of it, within ``timeout`` seconds. Reads nothing."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout) * 1000))
