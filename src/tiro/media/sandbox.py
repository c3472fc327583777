"""The decoder's process as the parent sees it: start it, hand it a file, read from it, end it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from tiro.errors import Cancelled, DecoderCrashed, LimitExceeded, TiroError
from tiro.kit.frames import BrokenFrame, read_frame
from tiro.media.process import Process, Spawned, Starter
from tiro.media.types import MediaLimits
from tiro.telemetry import metrics

EXIT_MEMORY = 77
EXIT_CONFINE = 78
_TICK = 0.05  # seconds between two looks at the stop event
_LAST_WORDS = 2.0  # seconds that a child gets to die by itself after it closed its socket

Fields = dict[str, Any]
Message = tuple[Fields, bytes | bytearray]


class Sandbox:
    """One decoder process, good for one file. Not for several threads at once.

    The process is started at once but need not be ready yet; ``submit`` may be called before that. It leads
    its own session, knows none of the parent's environment, and dies when the parent does.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, start: Starter = Spawned) -> None:
        self._sock, theirs = socket.socketpair()
        with theirs:
            try:
                self._process: Process = start(theirs)
            except OSError:
                self._sock.close()
                raise
        self._sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        self._closed = False
        self._stop: threading.Event | None = None
        self._stall = 60.0
        self._submitted: float | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._closed and self._process.alive

    def submit(self, fd: int, limits: MediaLimits, work: Fields, stop: threading.Event | None) -> None:
        """Hand over the file, and say what is wanted of it. ``fd`` stays the caller's and may be closed
        afterwards.

        Raises:
            OSError: the process is gone.
        """
        self._stop, self._stall = stop, limits.stall_seconds
        request = {"limits": dataclasses.asdict(limits)} | work
        socket.send_fds(self._sock, [json.dumps(request).encode()], [fd])
        self._submitted = time.monotonic()

    def send(self, fields: Fields) -> None:
        """Say more about the work, once the decoder has sent its first message. That it is gone shows when
        the next message is received."""
        with contextlib.suppress(OSError):
            self._sock.send(json.dumps(fields).encode())

    def wait_ready(self, timeout: float) -> bool:
        """Wait for a process that was just started; whether it is ready. Takes nothing from the socket."""
        return bool(self._poll.poll(timeout * 1000)) and self.alive

    def receive(self) -> Message:
        """The next message that is more than a sign of life.

        Raises:
            Cancelled: the stop event was set.
            LimitExceeded: the process died of its memory or processor limit.
            DecoderCrashed: it died otherwise, gave no sign of life for ``stall_seconds``, or talked nonsense.
        """
        while True:
            try:
                # read_frame only ever calls read(n), and wants exactly n bytes or the end.
                message = read_frame(cast(BinaryIO, _Exactly(self._read)))
            except BrokenFrame as err:
                raise self._cause() from err
            if message is None:
                raise self._cause()
            if message[0].get("type") not in {"ready", "alive"}:
                return message

    def close(self, error: BaseException | None = None) -> None:
        """Kill the process with all that it may have started; ``error`` is why. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._submitted is not None:
            self._tell(time.monotonic() - self._submitted, error)
        self._process.finish(0)
        self._sock.close()

    def _read(self, room: memoryview) -> int:
        """Fill ``room`` as far as there is something to read; 0 at the end of the stream."""
        deadline = time.monotonic() + self._stall
        while True:
            if self._stop is not None and self._stop.is_set():
                raise Cancelled
            left = deadline - time.monotonic()
            if left <= 0:
                message = f"The decoder gave no sign of life for {self._stall:g} seconds and was stopped."
                raise DecoderCrashed(message)
            tick = min(_TICK, left) if self._stop is not None else left
            if self._poll.poll(max(1, int(tick * 1000))):
                with contextlib.suppress(BlockingIOError):
                    try:
                        return self._sock.recv_into(room)
                    except ConnectionError:
                        return 0

    def _tell(self, seconds: float, error: BaseException | None) -> None:
        """Never what the decoder said: it may have been taken over by the file."""
        import structlog  # the child imports this file too, and has no use for it

        log = structlog.get_logger(__name__)
        metrics.DECODER_SECONDS.observe(seconds)
        if isinstance(error, DecoderCrashed):
            metrics.DECODER_CRASHES.add()
            log.warning("decoder.crashed", seconds=round(seconds, 3))
        else:
            code = error.code if isinstance(error, TiroError) else None
            log.debug("decoder.ended", seconds=round(seconds, 3), code=code)

    def _cause(self) -> TiroError:
        """Why the process closed its socket, from how it ended."""
        code = self._process.finish(_LAST_WORDS)
        if code == EXIT_MEMORY:
            return LimitExceeded("The recording needs more memory to decode than this server allows.")
        if code == -signal.SIGXCPU:
            return LimitExceeded("The recording needs more processor time to decode than this server allows.")
        if code is None:
            return DecoderCrashed("The decoder was lost before it could say why. Try again.")
        return DecoderCrashed()


class _Exactly:
    """A stream whose ``read(n)`` gives n bytes, fewer only at the end. The bytes are not copied."""

    def __init__(self, read: Callable[[memoryview], int]) -> None:
        self._read = read

    def read(self, size: int) -> bytearray:
        whole = bytearray(size)
        done = 0
        with memoryview(whole) as room:
            while done < size and (count := self._read(room[done:])):
                done += count
        del whole[done:]
        return whole
