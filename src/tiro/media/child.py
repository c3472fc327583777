"""The decoder's process: ``python -m tiro.media.child``, or ``... template`` for what forks decoders.

Standard input is a Unix socket: the decoder's own, or that on which decoders are asked for. To a decoder,
one request with the file's descriptor comes in; then it locks itself up, decodes, and sends back samples, or
windows of speech: ``info`` first, then ``pcm``, or ``layout`` and ``window`` and ``mark``, then ``end`` or
``error``. Where windows are wanted and the request does not say of which sizes, a second message will.
It imports and loads all it will need before, since afterwards it can open nothing. It lives no longer than
the other end of its socket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import os
import pkgutil
import queue
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, BinaryIO, cast

import av
import numpy as np

from tiro.errors import DecoderCrashed, TiroError
from tiro.kit.frames import write_frame
from tiro.media.cutting import Cutter
from tiro.media.pcm import Decoding, Source
from tiro.media.sandbox import EXIT_CONFINE, EXIT_MEMORY
from tiro.media.types import MediaLimits, Samples, SpeechWindow, WindowSizes
from tiro.speech.types import SAMPLE_RATE

_SIGN_OF_LIFE = 1.0  # seconds between two messages while the decoder works and has nothing to show
_MARK = 0.05  # seconds between two marks: more would only keep the other side busy


def main() -> None:
    stdin = socket.socket(fileno=0)
    _import_everything()
    if sys.argv[1:] == ["template"]:
        from tiro.media.forking import Forker  # for Linux only

        if decoder := Forker(stdin).run():
            _serve(decoder)
    else:
        with contextlib.suppress(BrokenPipeError):
            write_frame(cast(BinaryIO, stdin.makefile("wb")), {"type": "ready"})
            _serve(stdin)
    os._exit(0)  # nothing to tidy up, and interpreter shutdown would only cost time


def _serve(sock: socket.socket) -> None:
    try:
        request, fd = _request(sock)
    except OSError:
        return
    if fd is None:
        return
    threading.stack_size(256 * 1024)
    said: queue.SimpleQueue[WindowSizes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sock, said), daemon=True).start()
    threading.stack_size(0)
    helper = ThreadPoolExecutor(1)
    helper.submit(time.monotonic).result()  # its thread must be there before there can be no new ones
    limits = MediaLimits(**request["limits"])
    try:
        confine(limits)
    except (OSError, ValueError):
        os._exit(EXIT_CONFINE)
    try:
        out = cast(BinaryIO, sock.makefile("wb"))
        _Work(out, fd, limits, request, said, helper).run()
    except BrokenPipeError:
        pass
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _import_everything() -> None:
    """Libraries load parts of themselves when these are first used, and by then nothing can be opened.

    So PyAV's are imported one by one, and the search for speech is rehearsed. Where its model is missing,
    those will be told who want it.
    """
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in {"av.__main__", "av.datasets"}:
            importlib.import_module(module.name)
    with contextlib.suppress(TiroError):
        cutter = Cutter("auto", 2, WindowSizes(30.0, 1.0))
        noise = np.random.default_rng(0).integers(-9999, 9999, (SAMPLE_RATE, 2), dtype=np.int16)
        for _ in _fed(cutter, [noise]):
            pass


def _request(sock: socket.socket) -> tuple[dict[str, Any], int | None]:
    data, fds, _, _ = socket.recv_fds(sock, 4096, 1)
    return (json.loads(data), fds[0]) if fds else ({}, None)


def _listen(sock: socket.socket, said: queue.SimpleQueue[WindowSizes]) -> None:
    """Pass on what else the parent says, and die with it: that its end is closed means that it is gone."""
    try:
        while data := sock.recv(4096):
            said.put(WindowSizes(**json.loads(data)))
    finally:
        os._exit(0)


def confine(limits: MediaLimits) -> None:
    """Give up, for good, whatever decoding does not need.

    With RLIMIT_NOFILE at zero no new descriptor of any kind can be made: no file, no socket, no pipe. With
    RLIMIT_NPROC at zero there are no new threads or processes (root is exempt from that one).

    Raises:
        OSError, ValueError: a limit could not be set on a platform where all of them can be.
    """
    cpu = math.ceil(time.process_time()) + limits.cpu_seconds
    caps = {
        "RLIMIT_AS": (limits.memory, limits.memory),
        "RLIMIT_CPU": (cpu, cpu + 5),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_NPROC": (0, 0),
        "RLIMIT_NOFILE": (0, 0),
    }
    for name, (soft, hard) in caps.items():
        try:
            which = getattr(resource, name)
            ceiling = resource.getrlimit(which)[1]
            top = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
            resource.setrlimit(which, (min(soft, top), top))
        except (AttributeError, OSError, ValueError):
            # macOS knows no address space limit that works; there the metering alone has to do.
            if sys.platform == "linux":
                raise


class _Work:
    """One file from descriptor to the last message."""

    def __init__(
        self,
        out: BinaryIO,
        fd: int,
        limits: MediaLimits,
        request: dict[str, Any],
        said: queue.SimpleQueue[WindowSizes],
        helper: Executor,
    ) -> None:
        self._out = out
        self._last = time.monotonic()
        self._request = request
        self._said = said
        self._helper = helper
        self._decoding = Decoding(Source(fd, self._alive), limits, keep_stereo=request["keep_stereo"])

    def run(self) -> None:
        try:
            info = dataclasses.asdict(self._decoding.start())
            self._send({"type": "info", "channels": self._decoding.channels, "info": info})
            if self._request["windows"]:
                self._cut()
            else:
                self._pour()
            notices = [dataclasses.asdict(notice) for notice in self._decoding.notices()]
            self._send({"type": "end", "duration": self._decoding.duration, "notices": notices})
        except TiroError as err:
            self._send({"type": "error", "code": err.code, "message": err.message})
        except BrokenPipeError:
            raise
        except OSError as err:
            # The descriptor could not be read: the disk's fault or ours, not the file's.
            message = f"The file cannot be read: {err.strerror}."
            self._send({"type": "error", "code": DecoderCrashed.code, "message": message})

    def _pour(self) -> None:
        """Send all samples."""
        for block in self._blocks():
            self._send({"type": "pcm"}, block.tobytes())

    def _cut(self) -> None:
        """Send the windows of speech, and how far the search for them is."""
        sizes = self._request["sizes"]
        cutter = Cutter(
            self._request["mode"],
            self._decoding.channels,
            WindowSizes(**sizes) if sizes else self._said.get(),
            self._helper,
        )
        shown = False
        for found in _fed(cutter, self._blocks()):
            if not shown and cutter.layout is not None:
                shown = True
                self._send({"type": "layout", "mode": cutter.layout.mode, "reason": cutter.layout.reason})
            if found is not None:
                self._send_window(found)
            elif shown and time.monotonic() - self._last > _MARK:
                self._send({"type": "mark", "safe_until": cutter.safe_until})

    def _blocks(self) -> Iterator[Samples]:
        """Blocks of exactly one second; only the last may be shorter."""
        waiting: list[Samples] = []
        count = 0
        for piece in self._decoding.blocks():
            waiting.append(piece)
            count += len(piece)
            if count < SAMPLE_RATE:
                self._alive()
                continue
            samples = np.concatenate(waiting)
            whole = count - count % SAMPLE_RATE
            for start in range(0, whole, SAMPLE_RATE):
                yield samples[start : start + SAMPLE_RATE]
            waiting, count = [samples[whole:]], count - whole
        if count:
            yield np.concatenate(waiting)

    def _send_window(self, found: SpeechWindow) -> None:
        window = found.window
        header = {
            "type": "window",
            "channel": window.channel,
            "start": window.start,
            "end": window.end,
            "spans": [(span.start, span.end) for span in window.spans],
            "stretches": [(stretch.start, stretch.end) for stretch in window.stretches],
            "safe_until": found.safe_until,
        }
        self._send(header, found.audio.astype("<f4", copy=False).data.cast("B"))

    def _alive(self) -> None:
        if time.monotonic() - self._last > _SIGN_OF_LIFE:
            self._send({"type": "alive"})

    def _send(self, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
        write_frame(self._out, header, body)
        self._last = time.monotonic()


def _fed(cutter: Cutter, blocks: Iterable[Samples]) -> Iterator[SpeechWindow | None]:
    """The windows of all blocks, and None after each block."""
    for block in blocks:
        yield from cutter.feed(block)
        yield None
    yield from cutter.finish()
    yield None


if __name__ == "__main__":
    main()
