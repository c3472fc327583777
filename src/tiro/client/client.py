"""A Tiro server from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypedDict, Unpack

import httpx

from tiro.client import answers, batches
from tiro.client.answers import Batch, Event, Page, Recording, Refusal
from tiro.client.transport import Counted, Report, Transport, pause, server_sent_events
from tiro.errors import NoAudio, TiroError
from tiro.kit.ids import uuid7
from tiro.kit.sources import Source, opened
from tiro.speech.options import Defaults
from tiro.speech.types import ChannelMode, Progress, Segment, Task, Transcript

_DOOR = "/api/v1/transcribe"
_DEFAULTS = "/api/v1/me/transcription-defaults"
PriorityName = Literal["high", "normal", "low"]


class Options(TypedDict, total=False):
    """How a recording is to be transcribed, by the names of ``tiro.transcribe``.

    What is left out is up to the server.
    """

    engine: str | None
    language: str | None
    channels: ChannelMode
    task: Task
    vocabulary: Sequence[str]
    prompt: str | None
    beam: int | None
    temperatures: Sequence[float]
    word_times: bool
    guard_off: Sequence[str]


class DefaultsChange(TypedDict, total=False):
    """What is to hold for all your recordings; None takes it away, and what is left out stays."""

    vocabulary: Sequence[str] | None
    prompt: str | None
    language: str | None


class Client:
    """A Tiro server. Use it as a context manager, or close it; several threads may share one.

    A request is tried again where the connection fails or the server asks for it, if it may be sent twice
    without harm: what makes something carries an ``Idempotency-Key``, so that a second try makes
    nothing twice.

    All methods raise ``TiroError``: its subclass by the code that the server gave, or ``ServerUnreachable``.

    Args:
        url: the server's address, such as ``http://127.0.0.1:8000``.
        key: `tiro keys create` makes one.
        timeout: seconds of silence after which an answer counts as lost.
        retries: further tries of a request.
        http: a client to send with, for settings of its own; it stays the caller's.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        http: httpx.Client | None = None,
    ) -> None:
        self._transport = Transport(url, key, timeout=timeout, retries=retries, http=http)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def transcribe(
        self,
        source: Source,
        *,
        filename: str | None = None,
        on_upload: Report | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        **options: Unpack[Options],
    ) -> Transcript:
        """Send a recording, wait for its end, and fetch its transcript. It stays on the server; its job is
        cancelled where the wait is broken off.

        Args:
            source: a path, the bytes of a file, or an open binary file, which stays the caller's.
            on_upload: called with the bytes sent so far, and all.
            on_progress: called as segments become final, in this thread.
        """
        sent = self.upload(source, filename=filename, on_upload=on_upload, **options)
        try:
            self._follow(sent.id, on_progress)
        except BaseException:
            with suppress(TiroError):
                self.cancel(sent.id)
            raise
        return self.result(sent.id)

    def upload(
        self,
        source: Source,
        *,
        filename: str | None = None,
        title: str | None = None,
        priority: PriorityName = "normal",
        batch: str | None = None,
        idempotency_key: str | None = None,
        on_upload: Report | None = None,
        **options: Unpack[Options],
    ) -> Recording:
        """Send a recording. When this returns, the server has it for good and its job is queued.

        Args:
            filename: by default that of ``source``, where it has one.
            batch: the id of a batch to which it is added.
            idempotency_key: a second upload with the same key answers with the first one's recording.
            on_upload: called with the bytes sent so far, and all.
        """
        form = _form(options) | {"priority": priority} | ({"title": title} if title else {})
        form |= {"batch": batch} if batch else {}
        name = filename or _name_of(source)
        headers = {"Idempotency-Key": idempotency_key or str(uuid7())}
        with opened(source) as file:
            counted = Counted(file, on_upload)
            answer = self._transport.call(
                "POST",
                _DOOR,
                safe=True,
                before=lambda: counted.seek(0),
                headers=headers,
                data=form,
                files={"audio": (name, counted)},
            )
        return answers.recording(answer.json())

    def get(self, recording_id: str) -> Recording:
        """The recording and the state of its job."""
        return answers.recording(self._session(recording_id))

    def list(
        self,
        *,
        status: str | None = None,
        shared: Literal["false", "true", "all"] = "false",
        limit: int = 50,
        offset: int = 0,
    ) -> Page:
        """A page of your recordings, newest first; of those shared with you, or of both (``all``)."""
        asked = {"limit": limit, "offset": offset, "shared": shared} | ({"status": status} if status else {})
        return answers.page(self._transport.call("GET", _DOOR, params=asked).json())

    def wait(self, recording_id: str, timeout: float | None = None) -> Recording:
        """Wait for the end of the job.

        Raises:
            TimeoutError: it has not ended after ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for _ in self._events(recording_id, 0, deadline):
            pass
        return self.get(recording_id)

    def events(self, recording_id: str, after: int = 0) -> Iterator[Event]:
        """The recording's log from the event ``after``, live until the job has ended.

        A connection that breaks is taken up again; nothing is missed or told twice.
        """
        return self._events(recording_id, after, None)

    def result(self, recording_id: str) -> Transcript:
        """The finished transcript. Raises what the job failed of; Conflict where it has not ended."""
        session = self._session(recording_id)
        answers.recording(session).raise_for_status()
        return answers.transcript(session)

    def export(self, recording_id: str, extension: str) -> str:
        """The finished transcript as ``txt``, ``srt``, ``vtt``, ``tsv`` or ``json``."""
        return self._transport.call("GET", f"{_DOOR}/{recording_id}/transcript.{extension}").text

    def cancel(self, recording_id: str) -> Recording:
        """Stop the job; raises Conflict where it has ended."""
        return answers.recording(self._transport.call("POST", f"{_DOOR}/{recording_id}/cancel").json())

    def retry(self, recording_id: str) -> Recording:
        """Run the job again; raises Conflict where it has not ended."""
        answer = self._transport.call(
            "POST", f"{_DOOR}/{recording_id}/retry", safe=True, headers={"Idempotency-Key": str(uuid7())}
        )
        return answers.recording(answer.json())

    def delete(self, recording_id: str) -> None:
        """Remove the recording with all that was made of it."""
        self._transport.call("DELETE", f"{_DOOR}/{recording_id}")

    def batch(
        self,
        sources: Iterable[Source],
        *,
        title: str | None = None,
        priority: PriorityName = "normal",
        on_upload: Callable[[int, int, int], None] | None = None,
        **options: Unpack[Options],
    ) -> Batch:
        """Send many recordings as one, the first of which is at work while the others are sent. One that the
        server refuses stops no other, and is among ``refused``. ``upload(batch=…)`` adds more.

        Args:
            on_upload: called with the number of the source, from 0, and its bytes sent so far, and all.
        """
        made = batches.make(self._transport, title)
        refused: list[Refusal] = []
        for number, source in enumerate(sources):
            report = on_upload and partial(on_upload, number)
            try:
                self.upload(source, priority=priority, batch=made.id, on_upload=report, **options)
            except TiroError as error:
                if error.exit_code != NoAudio.exit_code:
                    raise  # it is not for this file that it was refused
                refused.append(Refusal(_name_of(source), error))
        found = self.get_batch(made.id)
        return replace(found, refused=(*found.refused, *refused))

    def get_batch(self, batch_id: str, *, files: bool = True) -> Batch:
        """The batch with its files, or without them where only its state is of interest."""
        return batches.get(self._transport, batch_id, files=files)

    def batches(self, *, limit: int = 50, offset: int = 0) -> tuple[Batch, ...]:
        """A page of your batches, newest first."""
        return batches.page(self._transport, limit, offset)

    def wait_batch(
        self,
        batch_id: str,
        timeout: float | None = None,
        *,
        on_progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Wait until all work on the batch has ended.

        Raises:
            TimeoutError: it has not after ``timeout`` seconds.
        """
        return batches.wait(self._transport, batch_id, timeout, on_progress)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Stop all work on the batch; raises Conflict where there is none."""
        return batches.cancel(self._transport, batch_id)

    def defaults(self) -> Defaults:
        """What holds for your recordings where an upload does not say otherwise."""
        return answers.defaults(self._transport.call("GET", _DEFAULTS).json())

    def change_defaults(self, **change: Unpack[DefaultsChange]) -> Defaults:
        """Choose what holds for your recordings, those that are sent from now on."""
        body = {name: list(value) if isinstance(value, tuple) else value for name, value in change.items()}
        return answers.defaults(self._transport.call("PATCH", _DEFAULTS, safe=True, json=body).json())

    def _session(self, recording_id: str) -> dict[str, Any]:
        session: dict[str, Any] = self._transport.call("GET", f"{_DOOR}/{recording_id}").json()
        return session

    def _follow(self, recording_id: str, on_progress: Callable[[Progress], None] | None) -> None:
        duration: float | None = None
        fresh: list[Segment] = []
        for event in self._events(recording_id, 0, None):
            match event.type:
                case "media":
                    duration = event.data["media"]["claimed_duration"]
                case "restart":
                    fresh.clear()
                case "segment":
                    fresh.append(answers.segment(event.data))
                case "progress" if on_progress is not None:
                    on_progress(Progress(event.data["position"], duration, tuple(fresh)))
                    fresh.clear()
        if fresh and on_progress is not None:
            on_progress(Progress(fresh[-1].end, duration, tuple(fresh)))

    def _events(self, recording_id: str, after: int, deadline: float | None) -> Iterator[Event]:
        failed = 0
        while True:
            try:
                with self._stream(recording_id, after, deadline) as answer:
                    if answer.status_code == 204:
                        return
                    for name, number, data in server_sent_events(_in_time(answer, deadline)):
                        if name == "end":
                            return
                        after, failed = int(number), 0
                        yield Event(after, name, data)
                error: TiroError | None = None  # the server let go of us, and will tell the rest later
            except httpx.TransportError as err:
                _check(deadline)
                error = self._transport.unreachable(err)
            except TiroError as err:
                if not err.transient:
                    raise
                error = err
            failed += 1
            if failed > self._transport.retries:
                raise error or TiroError("The server ended the stream of events again and again.")
            pause(failed - 1, None)

    @contextmanager
    def _stream(self, recording_id: str, after: int, deadline: float | None) -> Iterator[httpx.Response]:
        silence = None if deadline is None else max(0.001, deadline - time.monotonic())
        headers = {"Last-Event-ID": str(after)} if after else {}
        with self._transport.stream(f"{_DOOR}/{recording_id}/events", headers, silence) as answer:
            yield answer


def _in_time(answer: httpx.Response, deadline: float | None) -> Iterator[str]:
    for line in answer.iter_lines():
        _check(deadline)
        yield line


def _check(deadline: float | None) -> None:
    if deadline is not None and time.monotonic() >= deadline:
        raise TimeoutError("The job has not ended in time.")


def _form(options: Options) -> dict[str, Any]:
    """The fields of the door's form; numbers as text."""
    given = {name: value for name, value in options.items() if value is not None}
    if "temperatures" in given:
        given["temperature"] = [str(value) for value in options["temperatures"]]
        del given["temperatures"]
    return {name: list(value) if isinstance(value, tuple | list) else value for name, value in given.items()}


def _name_of(source: Source) -> str:
    if isinstance(source, str | Path):
        return Path(source).name
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "recording"
