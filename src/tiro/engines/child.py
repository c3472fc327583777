"""The child's side of an engine host: ``python -m tiro.engines.child``, spoken to over its pipes.

One engine, one request at a time. The main thread works; a reader thread takes messages in, so that a
cancellation is seen while the engine decodes, and the end of the pipe (the parent is gone) ends the
process at once, whatever the engine is doing.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from typing import BinaryIO

from tiro.engines import messages, registry
from tiro.engines.base import Engine, TranscribeRequest
from tiro.errors import EngineFailed, TiroError
from tiro.kit.frames import BrokenFrame, read_frame, write_frame


class Requests:
    """Messages from the parent: requests are queued, a cancellation sets the event of the one it names."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._queue: queue.SimpleQueue[tuple[messages.Header, bytes]] = queue.SimpleQueue()
        self._stops: dict[int, threading.Event] = {}
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def next(self) -> tuple[messages.Header, bytes]:
        return self._queue.get()

    def stop_of(self, number: int) -> threading.Event:
        return self._stops[number]

    def finished(self, number: int) -> None:
        self._stops.pop(number, None)

    def _read(self) -> None:
        with contextlib.suppress(BrokenFrame, OSError):
            while (frame := read_frame(self._source)) is not None:
                header = frame[0]
                if header["op"] == "cancel":
                    # A cancellation that comes after the answer finds nothing, and that is right.
                    if stop := self._stops.get(header["id"]):
                        stop.set()
                    continue
                if header["op"] == "transcribe":
                    self._stops[header["id"]] = threading.Event()
                self._queue.put(frame)
        os._exit(0)


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for messages and point 0 and 1 elsewhere, so that no library can write into them."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return source, sink


def as_tiro_error(err: Exception) -> TiroError:
    """The library's error as ours: what an adapter did not foresee is a failure of the engine."""
    if isinstance(err, TiroError):
        return err
    return EngineFailed(f"{EngineFailed.default} ({type(err).__name__}: {err})")


def load(requests: Requests) -> Engine:
    header, _ = requests.next()
    provider = registry.provider(header["engine"])
    return provider.load(header["model"], messages.options_from_json(header["options"]))


def answer(engine: Engine, requests: Requests, sink: BinaryIO, header: messages.Header, body: bytes) -> None:
    """Work on one request and write its segments as they come, then ``done`` or ``error``."""
    number = header["id"]
    stop = requests.stop_of(number)
    request = TranscribeRequest(messages.audio_from_body(body), header["language"], header["task"], stop)
    try:
        segments = engine.transcribe(request)
        try:
            for segment in segments:
                if stop.is_set():
                    break
                body_of = messages.segment_to_json(segment)
                write_frame(sink, {"op": "segment", "id": number, "segment": body_of})
        finally:
            if close := getattr(segments, "close", None):
                close()
    except Exception as err:  # noqa: BLE001 - the edge of the connection: the parent is told
        error = as_tiro_error(err)
        write_frame(sink, {"op": "error", "id": number, "code": error.code, "message": error.message})
    else:
        write_frame(sink, {"op": "done", "id": number})
    finally:
        requests.finished(number)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = take_pipes()
    requests = Requests(source)
    try:
        engine = load(requests)
    except Exception as err:  # noqa: BLE001 - as above
        error = as_tiro_error(err)
        write_frame(sink, {"op": "error", "id": 0, "code": error.code, "message": error.message})
        return
    ready = messages.capabilities_to_json(engine.capabilities)
    write_frame(sink, {"op": "ready", "id": 0, "capabilities": ready})
    while True:
        answer(engine, requests, sink, *requests.next())


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
    sys.stderr.flush()
    # The library's own threads may still run; there is nothing left to wait for.
    os._exit(0)
