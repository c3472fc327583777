"""The parent's side of one child process that holds one loaded engine."""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, cast

import structlog

from tiro import logs
from tiro.engines import messages
from tiro.engines.base import Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.registry import EngineSpec
from tiro.engines.watchdog import Watchdog
from tiro.errors import Cancelled, EngineCrashed, EngineStalled
from tiro.kit.frames import MAX_BODY, BrokenFrame, read_frame, write_frame
from tiro.speech.types import Segment
from tiro.telemetry import metrics, tracing

_log = structlog.get_logger(__name__)

GRACE = 1.0
"""Seconds a child has to answer a cancellation before it is killed, or left alone where it serves others."""

HANG = 5.0
"""Seconds after which a child that does not even hear a cancellation is killed, whomever it serves."""

STALL = 120.0
"""Seconds without a sign of life after which a child that works is killed."""

_POLL = 0.05
_WATCH = 1.0


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


class _Call:
    """One request under way. ``wanted`` until its caller gives up; ``known`` is what log lines say of where
    it comes from."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.wanted = True
        self.known = structlog.contextvars.get_contextvars()
        self.frames: queue.SimpleQueue[messages.Header | None] = queue.SimpleQueue()


class HostProcess:
    """A child with its engine. Any number of threads may call it at once; the child puts them in order.

    The constructor waits until the model is loaded.

    Raises:
        EngineCrashed: the child died while it loaded, or hung (``EngineStalled``).
        Cancelled: ``stop`` was set meanwhile.
        TiroError: what the engine's ``load`` raised.
    """

    def __init__(
        self,
        spec: EngineSpec,
        options: EngineOptions,
        stop: threading.Event | None = None,
        *,
        stall_seconds: float = STALL,
    ) -> None:
        self.spec = spec
        self.last_used = time.monotonic()
        self._numbers = itertools.count()
        self._calls: dict[int, _Call] = {}
        self._ended = False
        self._lock = threading.Lock()
        self._sending = threading.Lock()
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
        self._watchdog = Watchdog(self._process.pid, stall_seconds)
        self._stalled = False
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_frames, name=f"{spec}-frames", daemon=True),
            threading.Thread(target=self._read_stderr, name=f"{spec}-stderr", daemon=True),
            threading.Thread(target=self._watch, name=f"{spec}-watch", daemon=True),
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
        with self._call() as call:
            header = {
                "op": "transcribe",
                "id": call.number,
                "samples": len(request.audio),
                "traceparent": tracing.traceparent(),
                **messages.request_to_json(request),
            }
            try:
                self._send(header, body)
            except EngineCrashed as err:
                raise NotTaken(err) from err
            segments = []
            while (answer := self._receive(call, stop))["op"] == "segment":
                segments.append(messages.segment_from_json(answer["segment"]))
        self.last_used = time.monotonic()
        self._note(messages.work_from_json(answer["work"]))
        if answer["op"] == "error":
            raise messages.error_from_json(answer)
        return segments

    def _note(self, work: messages.Work | None) -> None:
        if work is not None:
            metrics.ENGINE_BATCH.observe(work.windows, str(self.spec))
            tracing.record(
                "engine.work",
                work.began,
                work.seconds,
                links=work.beside,
                engine=str(self.spec),
                windows=work.windows,
                host=self.pid,
            )

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
        self._over.set()
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
        with self._call() as call:
            assert call.number == 0
            self._send(header | {"options": messages.options_to_json(options), "log_level": logs.level()})
            answer = self._receive(call, stop)
        if answer["op"] == "error":
            raise messages.error_from_json(answer)
        return messages.capabilities_from_json(answer["capabilities"])

    @contextlib.contextmanager
    def _call(self) -> Iterator[_Call]:
        """A request under way; its answers are put into its queue, and thrown away once it is over."""
        with self._lock:
            call = _Call(next(self._numbers))
            if not self._calls:
                self._watchdog.heard()
            self._calls[call.number] = call
            if self._ended:
                call.frames.put(None)
        try:
            yield call
        finally:
            with self._lock:
                del self._calls[call.number]

    def _send(self, header: messages.Header, body: bytes | memoryview = b"") -> None:
        try:
            with self._sending:
                write_frame(cast(BinaryIO, self._process.stdin), header, body)
        except (OSError, ValueError) as err:  # a closed pipe, or one closed by ``kill`` in another thread
            raise self._crash() from err

    def _receive(self, call: _Call, stop: threading.Event | None) -> messages.Header:
        """The next answer. Where ``stop`` is set first: tell the child, and wait no longer than need be."""
        while stop is None or not stop.is_set():
            try:
                frame = call.frames.get(timeout=None if stop is None else _POLL)
            except queue.Empty:
                continue
            if frame is None:
                raise self._crash()
            return frame
        self._cancel(call)
        raise Cancelled

    def _cancel(self, call: _Call) -> None:
        """Give a request up. The child stays where it ends the request in time, or works for others too."""
        call.wanted = False
        started = time.monotonic()
        heard = over = False
        # A child that hangs does not read, and then the pipe may be full.
        teller = threading.Thread(target=self._tell_cancelled, args=(call,), daemon=True)
        teller.start()
        while not over:
            waited = time.monotonic() - started
            if waited >= GRACE and (not self._serves_others() or waited >= HANG):
                self.kill()
                break
            if waited >= GRACE and heard:
                break
            with contextlib.suppress(queue.Empty):
                frame = call.frames.get(timeout=_POLL)
                over = frame is None or frame["op"] in ("done", "error")
                heard = heard or frame is not None
        if over:
            teller.join()

    def _tell_cancelled(self, call: _Call) -> None:
        with contextlib.suppress(EngineCrashed):
            self._send({"op": "cancel", "id": call.number})

    def _serves_others(self) -> bool:
        with self._lock:
            return any(call.wanted for call in self._calls.values())

    def _crash(self) -> EngineCrashed:
        self.kill()
        # The standard error is read to its end by then, so its last lines tell why.
        told = " ".join(self._last_lines)
        if self._stalled:
            return EngineStalled(f"{EngineStalled.default} ({self.spec}{': ' + told if told else ''})")
        how = f"exit status {self._process.returncode}"
        return EngineCrashed(f"{EngineCrashed.default} ({self.spec}: {how}{'; ' + told if told else ''})")

    def _read_frames(self) -> None:
        source = cast(BinaryIO, self._process.stdout)
        with contextlib.suppress(BrokenFrame, OSError, ValueError):
            while (frame := read_frame(source)) is not None:
                self._watchdog.heard()
                with self._lock:
                    call = self._calls.get(frame[0]["id"])
                if frame[0]["op"] == "log":
                    self._relay(frame[0], call)
                elif call is not None:
                    call.frames.put(frame[0])
        with self._lock:
            self._ended = True
            calls = list(self._calls.values())
        for call in calls:
            call.frames.put(None)

    def _relay(self, header: messages.Header, call: _Call | None) -> None:
        """Put a line of the child's into our log, as if the request that it is about had written it."""
        level = logging.getLevelNamesMapping().get(header["level"].upper(), logging.INFO)
        known = call.known if call is not None else {}
        more = {"engine": str(self.spec), "host": self.pid}
        _log.log(level, header["event"], **(known | header["fields"] | more))

    def _watch(self) -> None:
        """In a thread of its own: a caller may be stuck itself, in a pipe that the child does not read."""
        while not self._over.wait(min(_WATCH, self._watchdog.seconds / 4)):
            with self._lock:
                at_work = bool(self._calls)
            if at_work and self._watchdog.is_stuck():
                self._stalled = True
                self.kill()

    def _read_stderr(self) -> None:
        source = self._process.stderr
        assert source is not None
        with contextlib.suppress(OSError, ValueError):
            for line in source:
                self._last_lines.append(line.decode(errors="replace").strip()[:300])
