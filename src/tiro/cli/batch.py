"""`tiro transcribe` of several recordings on a server: they are sent as one batch."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Unpack

import typer

from tiro.cli.progress import Reporter, reporter, tell
from tiro.cli.sources import Named, unreadable
from tiro.client import Client, Options
from tiro.errors import NoAudio, ServerUnreachable, TiroError
from tiro.speech.clock import clock_time
from tiro.speech.types import Progress, Transcript

_PAUSE = 0.5


def transcribe_batch(
    client: Client,
    sources: list[Named],
    title: str | None,
    asked: Options,
    write: Callable[[Named, Transcript], None],
) -> TiroError | None:
    """Send all, and ``write`` each transcript as soon as it and those before it are there. One that fails
    stops no other; what the first failed of is returned. Where this is broken off, so is the batch."""
    started = time.monotonic()
    batch = client.batch((), title=title)
    work = _Work(client, batch.id, len(sources), write)
    with reporter(f"{len(sources)} recordings", live=None) as report:
        try:
            work.send(sources, report, **asked)
            work.follow(report)
        except BaseException:
            with suppress(TiroError):
                client.cancel_batch(batch.id)
            raise
    seconds = max(time.monotonic() - started, 1e-3)
    told = f"{work.written} recordings: {clock_time(work.duration)} in {seconds:.1f} s"
    told += f" ({work.duration / seconds:.1f}x)" + (f"; {work.failures} failed" if work.failures else "")
    print(told, file=sys.stderr)
    return work.failed


class _Work:
    def __init__(
        self, client: Client, batch_id: str, total: int, write: Callable[[Named, Transcript], None]
    ) -> None:
        self._client = client
        self._batch_id = batch_id
        self._total = total
        self._write = write
        self._waiting: deque[tuple[Named, str]] = deque()
        self.failed: TiroError | None = None
        self.failures = 0
        self.written = 0
        self.duration = 0.0

    def send(self, sources: list[Named], report: Reporter, **asked: Unpack[Options]) -> None:
        before, size = 0, sum(source.size for source in sources)
        for source in sources:
            try:
                sent = self._client.upload(
                    source.open(),
                    filename=source.filename,
                    batch=self._batch_id,
                    on_upload=lambda done, _total, before=before: report.sent(before + done, size),  # type: ignore[misc]
                    **asked,
                )
            except (TiroError, OSError) as err:
                error = err if isinstance(err, TiroError) else unreadable(source.name, err)
                # Where it is not for this file that the server refused it, it would refuse the others too.
                hopeless = isinstance(err, TiroError) and err.exit_code != NoAudio.exit_code
                if hopeless and not self._waiting:
                    raise
                self._fail(source, error)
                if hopeless:
                    self._leave_out(len(sources) - sources.index(source) - 1)
                    return
            else:
                self._waiting.append((source, sent.id))
            before += source.size

    def follow(self, report: Reporter) -> None:
        while self._waiting:
            batch = self._client.get_batch(self._batch_id, files=False)
            report.rename(f"{batch.done + self._total - batch.total} of {self._total} recordings")
            report.advance(Progress(batch.position, batch.duration, ()))
            while self._waiting and self._settled(*self._waiting[0]):
                self._waiting.popleft()
            if self._waiting:
                time.sleep(_PAUSE)

    def _settled(self, source: Named, recording_id: str) -> bool:
        """Whether the work on it has ended; its transcript is then written."""
        try:
            if not self._client.get(recording_id).ended:
                return False
            transcript = self._client.result(recording_id)
            self._write(source, transcript)
            self.written += 1
            self.duration += transcript.duration
        except ServerUnreachable:
            raise
        except TiroError as error:
            self._fail(source, error)
        return True

    def _leave_out(self, count: int) -> None:
        if count:
            self.failures += count
            typer.secho(f"tiro: the {count} recordings after it were not sent.", err=True, fg="red")

    def _fail(self, source: Named, error: TiroError) -> None:
        tell(source, error)
        self.failures += 1
        self.failed = self.failed or error
