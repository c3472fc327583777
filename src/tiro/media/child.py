"""The decoder's process: ``python -m tiro.media.child``, or ``... template`` for what forks decoders.

Standard input is a Unix socket: the decoder's own, or that on which decoders are asked for. To a decoder,
one request with the file's descriptor comes in; then it locks itself up, decodes, and sends messages back.
It imports all it will need before, since afterwards it can open nothing. It lives no longer than the other
end of its socket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import os
import pkgutil
import resource
import socket
import sys
import threading
import time
from typing import Any, BinaryIO, cast

import av
import numpy as np

from tiro.errors import DecoderCrashed, TiroError
from tiro.kit.frames import write_frame
from tiro.media.pcm import Decoding, Source
from tiro.media.sandbox import EXIT_CONFINE, EXIT_MEMORY
from tiro.media.types import MediaLimits, Samples
from tiro.speech.types import SAMPLE_RATE

_SIGN_OF_LIFE = 1.0  # seconds between two messages while the decoder works and has nothing to show


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
    threading.Thread(target=_die_with_parent, args=(sock,), daemon=True).start()
    limits = MediaLimits(**request["limits"])
    try:
        confine(limits)
    except (OSError, ValueError):
        os._exit(EXIT_CONFINE)
    try:
        out = cast(BinaryIO, sock.makefile("wb"))
        _Work(out, fd, limits, keep_stereo=request["keep_stereo"]).run()
    except BrokenPipeError:
        pass
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _import_everything() -> None:
    """PyAV imports its parts when a stream of their kind turns up, and by then nothing can be opened."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in {"av.__main__", "av.datasets"}:
            importlib.import_module(module.name)


def _request(sock: socket.socket) -> tuple[dict[str, Any], int | None]:
    data, fds, _, _ = socket.recv_fds(sock, 4096, 1)
    return (json.loads(data), fds[0]) if fds else ({}, None)


def _die_with_parent(sock: socket.socket) -> None:
    """Nothing more is ever sent to this process: a read that returns means that the parent is gone."""
    try:
        sock.recv(1)
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

    def __init__(self, out: BinaryIO, fd: int, limits: MediaLimits, *, keep_stereo: bool) -> None:
        self._out = out
        self._last = time.monotonic()
        self._decoding = Decoding(Source(fd, self._alive), limits, keep_stereo=keep_stereo)

    def run(self) -> None:
        try:
            self._decode()
        except TiroError as err:
            self._send({"type": "error", "code": err.code, "message": err.message})
        except BrokenPipeError:
            raise
        except OSError as err:
            # The descriptor could not be read: the disk's fault or ours, not the file's.
            message = f"The file cannot be read: {err.strerror}."
            self._send({"type": "error", "code": DecoderCrashed.code, "message": message})

    def _decode(self) -> None:
        info = self._decoding.start()
        fields = dataclasses.asdict(info)
        self._send({"type": "info", "channels": self._decoding.channels, "info": fields})
        waiting: list[Samples] = []
        count = 0
        for block in self._decoding.blocks():
            waiting.append(block)
            count += len(block)
            if count >= SAMPLE_RATE:
                self._send_pcm(waiting)
                waiting, count = [], 0
            else:
                self._alive()
        if count:
            self._send_pcm(waiting)
        notices = [dataclasses.asdict(notice) for notice in self._decoding.notices()]
        self._send({"type": "end", "duration": self._decoding.duration, "notices": notices})

    def _send_pcm(self, blocks: list[Samples]) -> None:
        samples = np.concatenate(blocks)
        for start in range(0, len(samples), 60 * SAMPLE_RATE):
            self._send({"type": "pcm"}, samples[start : start + 60 * SAMPLE_RATE].tobytes())

    def _alive(self) -> None:
        if time.monotonic() - self._last > _SIGN_OF_LIFE:
            self._send({"type": "alive"})

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        write_frame(self._out, header, body)
        self._last = time.monotonic()


if __name__ == "__main__":
    main()
