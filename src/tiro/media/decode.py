"""Recordings into PCM: the pool of decoder processes, and the stream that one file becomes."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NoReturn, Self

import numpy as np

from tiro.errors import DecoderCrashed, LimitExceeded, TiroError, UnsupportedMedia, error_for_code
from tiro.media.process import Spawned
from tiro.media.sandbox import Message, Sandbox
from tiro.media.template import Template, can_fork
from tiro.media.types import MediaLimits, Samples
from tiro.speech.types import SAMPLE_RATE, MediaInfo, Notice, VideoInfo

_CHILD_ERRORS = frozenset(
    {"unsupported_media", "no_audio", "empty_media", "corrupt_media", "limit_exceeded", "decoder_crashed"}
)


class MediaStream(Iterator[Samples]):
    """One recording while it is decoded: iterate to get int16 arrays ``(n, channels)`` at 16 kHz.

    Every block holds exactly 16,000 samples (one second), only the last may be shorter. The decoder works
    a little ahead and then waits, so that memory does not depend on the recording's length. For one
    thread; to stop from another, set the ``stop`` event that ``open`` was given.

    Attributes:
        channels: columns of each block, 1 or 2.
        info: what the file is; ``duration`` is filled in when the iteration is over.
        notices: what was wrong with the file (``media_damaged``, ``media_truncated``); complete when the
            iteration is over.

    Iterating raises CorruptMedia, EmptyMedia, UnsupportedMedia, LimitExceeded, DecoderCrashed or Cancelled;
    once raised, it is raised again each time, so that half a recording never looks like a whole one.
    """

    def __init__(self, sandbox: Sandbox, limits: MediaLimits) -> None:
        self._sandbox = sandbox
        self._cap = limits.max_duration * SAMPLE_RATE
        self._parts: deque[Samples] = deque()
        self._held = 0
        self._total = 0
        self._ended = False
        self._failure: TiroError | None = None
        self.notices: tuple[Notice, ...] = ()
        self.channels, self.info = self._introduction()

    @property
    def pid(self) -> int:
        """The decoder's process."""
        return self._sandbox.pid

    def __next__(self) -> Samples:
        if self._failure is not None:
            raise self._failure
        try:
            while not self._ended and self._held < SAMPLE_RATE:
                self._take(self._sandbox.receive())
        except TiroError as err:
            self._failure = err
            self.close()
            raise
        if not self._held:
            raise StopIteration
        return self._block(min(SAMPLE_RATE, self._held))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the decoder at once. Iterating further raises DecoderCrashed unless it was over."""
        if not self._ended and self._failure is None:
            self._failure = DecoderCrashed("The recording was closed before it was decoded to its end.")
        self._sandbox.close()

    def _introduction(self) -> tuple[int, MediaInfo]:
        header, _ = self._sandbox.receive()
        if header.get("type") != "info":
            self._refuse(header)
        try:
            channels = int(header["channels"])
            info = _info(header["info"])
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise DecoderCrashed from err
        if channels not in {1, 2}:
            raise DecoderCrashed
        return channels, info

    def _take(self, message: Message) -> None:
        """Work one message in. The decoder may have been taken over by what it read: believe nothing."""
        header, body = message
        match header.get("type"):
            case "pcm":
                width = 2 * self.channels
                if not body or len(body) % width:
                    raise DecoderCrashed
                samples = np.frombuffer(body, dtype=np.int16).reshape(-1, self.channels)
                self._parts.append(samples)
                self._held += len(samples)
                self._total += len(samples)
                if self._total > self._cap:
                    raise LimitExceeded
            case "end":
                try:
                    self.notices = tuple(_notice(fields) for fields in header["notices"])
                except (KeyError, TypeError) as err:
                    raise DecoderCrashed from err
                self.info = dataclasses.replace(self.info, duration=self._total / SAMPLE_RATE)
                self._ended = True
                self._sandbox.close()
            case _:
                self._refuse(header)

    def _refuse(self, header: dict[str, Any]) -> NoReturn:
        code = header.get("code")
        if header.get("type") == "error" and code in _CHILD_ERRORS:
            raise error_for_code(str(code), str(header.get("message", ""))[:500])
        raise DecoderCrashed

    def _block(self, size: int) -> Samples:
        taken: list[Samples] = []
        wanted = size
        while wanted:
            part = self._parts.popleft()
            if len(part) > wanted:
                self._parts.appendleft(part[wanted:])
                part = part[:wanted]
            taken.append(part)
            wanted -= len(part)
        self._held -= size
        return np.concatenate(taken)


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

    def open(
        self, source: Path | BinaryIO, *, keep_stereo: bool = False, stop: threading.Event | None = None
    ) -> MediaStream:
        """Start to decode a recording.

        Args:
            source: a path, or an open regular file. It is read from its beginning, whatever its position,
                which stays as it is; it may be closed as soon as this returns.
            keep_stereo: whether two channels stay two; otherwise all is mixed to one.
            stop: set it from any thread to end this call, or the stream, with Cancelled.

        Raises:
            EmptyMedia, UnsupportedMedia, NoAudio, CorruptMedia, LimitExceeded, DecoderCrashed, Cancelled.
            OSError: the path cannot be opened.
        """
        with _descriptor(source) as fd:
            sandbox = self._submitted(fd, keep_stereo=keep_stereo, stop=stop)
        try:
            return MediaStream(sandbox, self._limits)
        except BaseException:
            sandbox.close()
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

    def _submitted(self, fd: int, *, keep_stereo: bool, stop: threading.Event | None) -> Sandbox:
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
                    sandbox.submit(fd, self._limits, keep_stereo=keep_stereo, stop=stop)
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


def _info(fields: dict[str, Any]) -> MediaInfo:
    """The child's description, each field made what it should be.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    video, rate, claimed = fields["video"], fields["bit_rate"], fields["claimed_duration"]
    return MediaInfo(
        container=str(fields["container"])[:32],
        codec=str(fields["codec"])[:32],
        sample_rate=int(fields["sample_rate"]),
        channels=int(fields["channels"]),
        bit_rate=None if rate is None else int(rate),
        claimed_duration=None if claimed is None else float(claimed),
        video=video and _video(video),
    )


def _notice(fields: dict[str, Any]) -> Notice:
    return Notice(str(fields["code"])[:64], str(fields["message"])[:500])


def _video(fields: dict[str, Any]) -> VideoInfo:
    rate = fields["frame_rate"]
    return VideoInfo(int(fields["width"]), int(fields["height"]), None if rate is None else float(rate))
