"""Inside the template: fork a decoder for each request, and tell how each one ended. Linux only.

The template's control socket brings one message a request, with two descriptors: the new decoder's socket,
and its status socket, which the template keeps. On that it sends the decoder's number with a pidfd of it,
and later its exit status. A status socket that the parent closes means that the decoder is not wanted any
more; so does the parent's death, which closes them all.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Decoder:
    """A child that was not reaped yet, so that its number is certainly its own."""

    pid: int
    pidfd: int
    status: socket.socket

    def kill(self) -> None:
        for kill in (os.killpg, os.kill):  # a decoder that has only just been forked leads no group yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        os.close(self.pidfd)
        self.status.close()


class Forker:
    """The template's loop. Nothing here may start a thread or leave something unwritten in a buffer."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._decoders: dict[int, _Decoder] = {}  # by both of its descriptors
        self._poll = select.poll()

    def run(self) -> socket.socket | None:
        """Returns:
            In each decoder: its socket, with everything else closed. In the template, once the parent asks
            for no more and the last decoder has ended: None.

        Raises:
            RuntimeError: this process has threads, and a fork would copy their locks but not them.
        """
        if threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1:
            raise RuntimeError("a template must have one thread only")
        gc.collect()
        gc.freeze()  # else each decoder's first collection would copy every page of the template
        self._poll.register(self._control, select.POLLIN)
        self._control.send(b"ready")
        asked = True
        while asked or self._decoders:
            # Requests come last: a new decoder may get the descriptors of one that is buried here.
            for fd, _ in sorted(self._poll.poll(), key=lambda event: event[0] == self._control.fileno()):
                if fd == self._control.fileno():
                    asked, sock = self._answer()
                    if sock is not None:
                        return sock
                elif decoder := self._decoders.get(fd):
                    if fd == decoder.pidfd:
                        self._bury(decoder)
                    else:
                        self._poll.unregister(fd)
                        decoder.kill()
        return None

    def _answer(self) -> tuple[bool, socket.socket | None]:
        """One request: whether there may be more of them, and in the new decoder its socket."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 16, 2)
        except ConnectionError:
            data, fds = b"", []
        if not data:
            self._poll.unregister(self._control)
            return False, None
        sockets = [socket.socket(fileno=fd) for fd in fds]
        if len(sockets) != 2:  # no room for descriptors; closing what came tells the parent
            _close(sockets)
            return True, None
        sock, status = sockets
        try:
            pid = os.fork()
        except OSError:
            _close(sockets)
            return True, None
        if pid == 0:
            self._leave(status)
            return False, sock
        sock.close()
        self._keep(pid, status)
        return True, None

    def _leave(self, status: socket.socket) -> None:
        """In the new decoder: close all that is the template's or another decoder's."""
        os.setsid()
        for decoder in set(self._decoders.values()):
            decoder.close()
        status.close()
        self._control.close()

    def _keep(self, pid: int, status: socket.socket) -> None:
        decoder = _Decoder(pid, os.pidfd_open(pid), status)
        self._decoders |= {decoder.pidfd: decoder, status.fileno(): decoder}
        self._poll.register(decoder.pidfd, select.POLLIN)
        self._poll.register(status, select.POLLIN)
        try:
            socket.send_fds(status, [b"%d" % pid], [decoder.pidfd])
        except OSError:
            decoder.kill()

    def _bury(self, decoder: _Decoder) -> None:
        # What the decoder may have started goes first: once it is reaped, its group's number is free.
        decoder.kill()
        code = os.waitstatus_to_exitcode(os.waitpid(decoder.pid, 0)[1])
        with contextlib.suppress(OSError):
            decoder.status.send(b"%d" % code)
        self._poll.unregister(decoder.pidfd)
        with contextlib.suppress(KeyError):  # the parent may have closed it before
            self._poll.unregister(decoder.status)
        del self._decoders[decoder.pidfd], self._decoders[decoder.status.fileno()]
        decoder.close()


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
