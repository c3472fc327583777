"""The parent's side of one child process that holds one loaded engine."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import BinaryIO, cast

from tiro.engines import messages
from tiro.engines.base import Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.registry import EngineSpec
from tiro.errors import Cancelled, EngineCrashed, error_for_code
from tiro.kit.frames import MAX_BODY, BrokenFrame, read_frame, write_frame
from tiro.speech.types import Segment

GRACE = 1.0
"""Seconds a child has to answer a cancellation before it is killed."""

_POLL = 0.05


def child_environment(options: EngineOptions) -> dict[str, str]:
    """Our environment without our settings, some of which are secrets; options go over the pipe instead."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TIRO_")}
    if options.threads > 0:
        environment["OMP_NUM_THREADS"] = str(options.threads)
    return environment


class NotTaken(Exception):
    """The child was dead before it could take the request, so another may have it; ``crash`` is its error."""

    def __init__(self, crash: EngineCrashed) -> None:
        self.crash = crash
        super().__init__(crash.message)


class HostProcess:
    """A child with its engine. Used by one thread at a time; ``kill`` may be called from any.

    The constructor waits until the model is loaded.

    Raises:
        EngineCrashed: the child died while it loaded.
        Cancelled: ``stop`` was set meanwhile.
        TiroError: what the engine's ``load`` raised.
    """

    def __init__(self, spec: EngineSpec, options: EngineOptions, stop: threading.Event | None = None) -> None:
        self.spec = spec
        self.last_used = time.monotonic()
        self._number = 0
        self._frames: queue.SimpleQueue[messages.Header | None] = queue.SimpleQueue()
        self._last_lines: collections.deque[str] = collections.deque(maxlen=8)
        self._process = subprocess.Popen(
            # -P: a file in the working directory must not stand in for a library.
            [sys.executable, "-P", "-m", "tiro.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(options),
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=self._read_frames, name=f"{spec}-frames", daemon=True),
            threading.Thread(target=self._read_stderr, name=f"{spec}-stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.capabilities = self._load(options, stop)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def transcribe(self, request: TranscribeRequest, stop: threading.Event | None) -> list[Segment]:
        """Send one request and wait for all its segments.

        After an error look at ``alive``: the process may be gone.

        Raises:
            NotTaken, EngineCrashed, Cancelled, TiroError.
        """
        body = messages.audio_to_body(request.audio)
        if len(body) > MAX_BODY:
            raise ValueError(f"a window of {len(body)} bytes is longer than any engine takes")
        self._number += 1
        header = {"op": "transcribe", "id": self._number, "language": request.language, "task": request.task}
        try:
            self._send(header, body)
        except EngineCrashed as err:
            raise NotTaken(err) from err
        segments = []
        while (answer := self._receive(stop))["op"] == "segment":
            segments.append(messages.segment_from_json(answer["segment"]))
        self.last_used = time.monotonic()
        if answer["op"] == "error":
            raise error_for_code(answer["code"], answer["message"])
        return segments

    def close(self) -> None:
        """Let the child go: it ends when its pipe does. One that does not is killed."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self.kill()

    def kill(self) -> None:
        """End the child and all that it started, and free the pipes. May be called twice."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(GRACE)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _load(self, options: EngineOptions, stop: threading.Event | None) -> Capabilities:
        header = {"op": "load", "engine": self.spec.name, "model": self.spec.model}
        self._send(header | {"options": messages.options_to_json(options)})
        answer = self._receive(stop)
        if answer["op"] == "error":
            raise error_for_code(answer["code"], answer["message"])
        return messages.capabilities_from_json(answer["capabilities"])

    def _send(self, header: messages.Header, body: bytes | memoryview = b"") -> None:
        try:
            write_frame(cast(BinaryIO, self._process.stdin), header, body)
        except (OSError, ValueError) as err:  # a closed pipe, or one closed by ``kill`` in another thread
            raise self._crash() from err

    def _receive(self, stop: threading.Event | None) -> messages.Header:
        """The next message. Where ``stop`` is set first: tell the child, give it ``GRACE``, kill it."""
        while stop is None or not stop.is_set():
            try:
                frame = self._frames.get(timeout=None if stop is None else _POLL)
            except queue.Empty:
                continue
            if frame is None:
                raise self._crash()
            return frame
        self._cancel()
        raise Cancelled

    def _cancel(self) -> None:
        deadline = time.monotonic() + GRACE
        try:
            self._send({"op": "cancel", "id": self._number})
            while (frame := self._frames.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
                if frame["op"] in ("done", "error"):
                    return
        except (queue.Empty, EngineCrashed):
            pass
        self.kill()

    def _crash(self) -> EngineCrashed:
        self.kill()
        # The standard error is read to its end by then, so its last lines tell why.
        told = " ".join(self._last_lines)
        how = f"exit status {self._process.returncode}"
        return EngineCrashed(f"{EngineCrashed.default} ({self.spec}: {how}{'; ' + told if told else ''})")

    def _read_frames(self) -> None:
        source = cast(BinaryIO, self._process.stdout)
        with contextlib.suppress(BrokenFrame, OSError, ValueError):
            while (frame := read_frame(source)) is not None:
                self._frames.put(frame[0])
        self._frames.put(None)

    def _read_stderr(self) -> None:
        source = self._process.stderr
        assert source is not None
        with contextlib.suppress(OSError, ValueError):
            for line in source:
                self._last_lines.append(line.decode(errors="replace").strip()[:300])
