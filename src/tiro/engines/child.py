"""The child's side of an engine host: ``python -m tiro.engines.child``, spoken to over its pipes.

One engine. A reader thread takes messages in, so that a cancellation is seen while the engine decodes, and
the end of the pipe (the parent is gone) ends the process at once, whatever the engine is doing. An engine
that takes one request at a time works in the main thread. For one that works in batches the main thread
prepares requests, and workers take them from the batcher.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NoReturn, cast

from tiro.engines import childlog, messages, registry
from tiro.engines.base import BatchEngine, Engine, Prepared
from tiro.engines.batching import Batcher
from tiro.errors import EngineFailed, TiroError
from tiro.kit import memory
from tiro.kit.frames import BrokenFrame, read_frame, write_frame
from tiro.speech.types import SAMPLE_RATE, Segment


class Answers:
    """Messages to the parent; any thread may write them."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._lock = threading.Lock()

    def send(self, op: str, number: int, **more: object) -> None:
        with self._lock:
            write_frame(self._sink, {"op": op, "id": number, **more})

    def segment(self, number: int, segment: Segment) -> None:
        self.send("segment", number, segment=messages.segment_to_json(segment))

    def done(self, number: int, work: messages.Work | None) -> None:
        self.send("done", number, work=messages.work_to_json(work))

    def error(self, number: int, err: Exception, work: messages.Work | None = None) -> None:
        more = messages.error_to_json(as_tiro_error(err))
        self.send("error", number, work=messages.work_to_json(work), **more)

    def log(self, number: int, level: str, event: str, fields: dict[str, Any]) -> None:
        self.send("log", number, level=level, event=event, fields=fields)


class Requests:
    """Messages from the parent: requests are queued, a cancellation sets the event of the one it names.

    Attributes:
        arrived: called in the reader's thread for each request, before it can be got by ``next``.
        cancelled: called there with the number of a request under way that is not wanted any more.
    """

    def __init__(self, source: BinaryIO, answers: Answers) -> None:
        self._source = source
        self._answers = answers
        self._queue: queue.SimpleQueue[tuple[messages.Header, bytes]] = queue.SimpleQueue()
        self._stops: dict[int, threading.Event] = {}
        self._headers: dict[int, messages.Header] = {}
        self.arrived: Callable[[], None] = lambda: None
        self.cancelled: Callable[[int], None] = lambda number: None
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def next(self) -> tuple[messages.Header, bytes]:
        return self._queue.get()

    def stop_of(self, number: int) -> threading.Event:
        return self._stops[number]

    def header_of(self, number: int) -> messages.Header:
        return self._headers[number]

    def finished(self, number: int) -> None:
        self._stops.pop(number, None)
        self._headers.pop(number, None)

    def _read(self) -> None:
        with contextlib.suppress(BrokenFrame, OSError):
            while (frame := read_frame(self._source)) is not None:
                header = frame[0]
                if header["op"] == "cancel":
                    # A cancellation that comes after the answer finds nothing, and that is right.
                    if stop := self._stops.get(header["id"]):
                        stop.set()
                        self._answers.send("heard", header["id"])
                        self.cancelled(header["id"])
                    continue
                if header["op"] == "transcribe":
                    self._headers[header["id"]] = header
                    self._stops[header["id"]] = threading.Event()
                    self.arrived()
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


def load(requests: Requests, answers: Answers) -> Engine:
    header, _ = requests.next()
    childlog.configure(header["log_level"], answers.log)
    began = time.monotonic()
    provider = registry.provider(header["engine"])
    engine = provider.load(header["model"], messages.options_from_json(header["options"]))
    childlog.line(logging.INFO, "engine.loaded", seconds=round(time.monotonic() - began, 3))
    return engine


def answer(engine: Engine, requests: Requests, answers: Answers) -> None:
    """Work on one request and send its segments as they come, then ``done`` or ``error``."""
    header, body = requests.next()
    number = header["id"]
    stop = requests.stop_of(number)
    childlog.request.set(number)
    clock = _Clock()
    try:
        segments = engine.transcribe(messages.request_from_json(header, body, stop))
        try:
            for segment in segments:
                if stop.is_set():
                    break
                answers.segment(number, segment)
        finally:
            if close := getattr(segments, "close", None):
                close()
    except Exception as err:  # noqa: BLE001 - the edge of the connection: the parent is told
        _tell_work(header, work := clock.work(1, ()), err)
        answers.error(number, err, work)
    else:
        _tell_work(header, work := clock.work(1, ()))
        answers.done(number, work)
    finally:
        requests.finished(number)


class _Clock:
    """Times work from when it is made."""

    def __init__(self) -> None:
        self._began, self._since = time.time(), time.monotonic()

    def work(self, windows: int, beside: tuple[str, ...]) -> messages.Work:
        return messages.Work(self._began, round(time.monotonic() - self._since, 6), windows, beside)


def _tell_work(header: messages.Header, work: messages.Work, err: Exception | None = None) -> None:
    childlog.request.set(header["id"])
    more = {} if err is None else {"code": as_tiro_error(err).code}
    childlog.line(
        logging.DEBUG,
        "engine.window",
        audio_seconds=round(header["samples"] / SAMPLE_RATE, 3),
        seconds=round(work.seconds, 3),
        windows=work.windows,
        **more,
    )


class BatchService:
    """Requests to an engine that works in batches: prepared in one thread, worked on in several."""

    def __init__(self, engine: BatchEngine, requests: Requests, answers: Answers) -> None:
        self._engine = engine
        self._requests = requests
        self._answers = answers
        capabilities = engine.capabilities
        self._workers = max(1, capabilities.workers)
        largest = max(1, capabilities.batch // self._workers)
        self._batcher: Batcher[Prepared] = Batcher(largest, self._workers)
        requests.cancelled = self._cancelled
        requests.arrived = self._batcher.announce

    def run(self) -> NoReturn:
        for index in range(self._workers):
            threading.Thread(target=self._work, name=f"batches-{index}", daemon=True).start()
        while True:
            header, body = self._requests.next()
            number = header["id"]
            stop = self._requests.stop_of(number)
            childlog.request.set(number)
            try:
                prepared = self._engine.prepare(messages.request_from_json(header, body, stop))
            except Exception as err:  # noqa: BLE001 - the edge of the connection: the parent is told
                self._batcher.refused()
                self._finish(number, err)
            else:
                self._batcher.put(number, prepared.key, prepared)
                # A cancellation may have come before the request could be found in the queue.
                if stop.is_set():
                    self._cancelled(number)

    def _cancelled(self, number: int) -> None:
        if self._batcher.drop(number):
            self._finish(number, [])

    def _work(self) -> None:
        try:
            while True:
                batch = self._batcher.take()
                # Its lines are about several requests; they are told under the first.
                childlog.request.set(batch[0][0])
                headers = [self._requests.header_of(number) for number, _ in batch]
                clock = _Clock()
                outcomes = self._outcomes([prepared for _, prepared in batch])
                for header, outcome in zip(headers, outcomes, strict=True):
                    others = (one["traceparent"] for one in headers if one is not header)
                    work = clock.work(len(batch), tuple(other for other in others if other))
                    _tell_work(header, work, outcome if isinstance(outcome, Exception) else None)
                    self._finish(header["id"], outcome, work)
                self._batcher.done()
        finally:
            # The loop has no other end than a fault, and then the parent must see the end of this process.
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _outcomes(self, batch: list[Prepared]) -> Sequence[list[Segment] | Exception]:
        """What the engine makes of each. Where it fails on all, one may be to blame: each by itself."""
        try:
            return self._engine.transcribe_batch(batch)
        except Exception as err:  # noqa: BLE001 - the edge of the connection: the parent is told
            if len(batch) == 1:
                return [err]
        return [outcome for prepared in batch for outcome in self._outcomes([prepared])]

    def _finish(
        self, number: int, outcome: list[Segment] | Exception, work: messages.Work | None = None
    ) -> None:
        self._requests.finished(number)
        self._batcher.finished()
        if isinstance(outcome, Exception):
            self._answers.error(number, outcome, work)
            return
        for segment in outcome:
            self._answers.segment(number, segment)
        self._answers.done(number, work)


def main() -> None:
    memory.keep_together()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = take_pipes()
    answers = Answers(sink)
    requests = Requests(source, answers)
    try:
        engine = load(requests, answers)
        capabilities = engine.capabilities
    except Exception as err:  # noqa: BLE001 - as above
        answers.error(0, err)
        return
    batches = BatchService(cast(BatchEngine, engine), requests, answers) if capabilities.batch > 1 else None
    answers.send("ready", 0, capabilities=messages.capabilities_to_json(capabilities))
    if batches:
        batches.run()
    while True:
        answer(engine, requests, answers)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
    sys.stderr.flush()
    # The library's own threads may still run; there is nothing left to wait for.
    os._exit(0)
