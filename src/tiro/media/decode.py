"""The pool of decoder processes: a file in, a stream of samples or of windows of speech out."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

from tiro.errors import DecoderCrashed, UnsupportedMedia
from tiro.media.process import Spawned
from tiro.media.sandbox import Fields, Sandbox
from tiro.media.stream import MediaStream, SpeechStream
from tiro.media.template import Template, can_fork
from tiro.media.types import MediaLimits, WindowSizes
from tiro.speech.types import ChannelMode

_S = TypeVar("_S")


class DecoderPool:
    """Decoder processes, one a file. They are forked from a template, which takes a few milliseconds.

    Where that cannot be, each is a Python of its own, and ``spares`` of them are started ahead. May be used
    from several threads. ``close`` ends what waits; open streams belong to those who opened them.

    Args:
        fork: whether to fork from a template; None: where it can be done.
    """

    def __init__(
        self, limits: MediaLimits | None = None, spares: int = 1, *, fork: bool | None = None
    ) -> None:
        self._limits = limits or MediaLimits()
        self._template = Template() if (can_fork() if fork is None else fork) else None
        self._wanted = 0 if self._template else spares
        self._lock = threading.Lock()
        self._spares: deque[Sandbox] = deque()
        self._closed = False

    def warm(self, timeout: float = 0.0) -> None:
        """Start the template or the spares; wait up to ``timeout`` seconds until they are ready."""
        if self._template is not None:
            # A convenience: where no process can be started, the next open will say so.
            with contextlib.suppress(OSError):
                self._template.warm(timeout)
        self._refill()
        with self._lock:
            spares = tuple(self._spares)
        if timeout:
            for spare in spares:
                spare.wait_ready(timeout)

    def listen(
        self,
        source: Path | BinaryIO,
        mode: ChannelMode,
        sizes: WindowSizes | None = None,
        *,
        stop: threading.Event | None = None,
    ) -> SpeechStream:
        """Start to decode a recording, and to find the speech in it.

        Args:
            source: as in ``open``.
            mode: how its channels shall be used.
            sizes: of the windows; None where the stream's ``begin`` will tell.
            stop: as in ``open``.

        Raises:
            As ``open``.
        """
        work = {
            "keep_stereo": mode != "mix",
            "windows": True,
            "mode": mode,
            "sizes": sizes and dataclasses.asdict(sizes),
        }
        return self._started(source, work, stop, lambda box: SpeechStream(box, self._limits, sizes))

    def open(
        self, source: Path | BinaryIO, *, keep_stereo: bool = False, stop: threading.Event | None = None
    ) -> MediaStream:
        """Start to decode a recording into samples.

        Args:
            source: a path, or an open regular file. It is read from its beginning, whatever its position,
                which stays as it is; it may be closed as soon as this returns.
            keep_stereo: whether two channels stay two; otherwise all is mixed to one.
            stop: set it from any thread to end this call, or the stream, with Cancelled.

        Raises:
            EmptyMedia, UnsupportedMedia, NoAudio, CorruptMedia, LimitExceeded, DecoderCrashed, Cancelled.
            OSError: the path cannot be opened.
        """
        work = {"keep_stereo": keep_stereo, "windows": False}
        return self._started(source, work, stop, lambda box: MediaStream(box, self._limits))

    def _started(
        self,
        source: Path | BinaryIO,
        work: Fields,
        stop: threading.Event | None,
        stream: Callable[[Sandbox], _S],
    ) -> _S:
        with _descriptor(source) as fd:
            sandbox = self._submitted(fd, work, stop)
        try:
            return stream(sandbox)
        except BaseException as error:
            sandbox.close(error)
            raise
        finally:
            # After the file's own start, so that the new spare's imports do not slow it.
            self._refill()

    def close(self) -> None:
        """End the template and the spares. Opening afterwards still works, without them."""
        with self._lock:
            self._closed = True
            spares = tuple(self._spares)
            self._spares.clear()
        for spare in spares:
            spare.close()
        if self._template is not None:
            self._template.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submitted(self, fd: int, work: Fields, stop: threading.Event | None) -> Sandbox:
        # A spare may have died while it waited, for want of memory in the house; the next try is a new one.
        while True:
            with self._lock:
                spare = self._spares.popleft() if self._spares else None
            try:
                sandbox = spare or Sandbox(self._template or Spawned)
            except OSError as err:
                raise DecoderCrashed("The decoder could not be started.") from err
            if spare is None or spare.alive:
                with contextlib.suppress(OSError):
                    sandbox.submit(fd, self._limits, work, stop)
                    return sandbox
            sandbox.close()
            if spare is None:
                raise DecoderCrashed("The decoder could not be started.")

    def _refill(self) -> None:
        # A spare is a convenience: where no process can be started, the next open will say so.
        with self._lock, contextlib.suppress(OSError):
            while not self._closed and len(self._spares) < self._wanted:
                self._spares.append(Sandbox())


@contextlib.contextmanager
def _descriptor(source: Path | BinaryIO) -> Iterator[int]:
    """A read-only descriptor of a regular file."""
    if isinstance(source, Path):
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    else:
        fd = _read_only(source.fileno())
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise UnsupportedMedia("This is not a regular file. Save the recording to a file first.")
        yield fd
    finally:
        os.close(fd)


def _read_only(fd: int) -> int:
    """A descriptor of the same file that cannot write: the decoder could else truncate the caller's file."""
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    return os.dup(fd)
