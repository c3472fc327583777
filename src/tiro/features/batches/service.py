"""Take many files in as one, and tell how far they are."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from tiro.db.session import Database
from tiro.db.tables import BatchTable
from tiro.db.tables.base import Json
from tiro.errors import Conflict, IdempotencyMismatch, InvalidRequest, NotFound, TiroError
from tiro.events.base import EventHub
from tiro.features.audit.service import Action, record
from tiro.features.batches import repository
from tiro.features.batches.repository import FileRow, Totals
from tiro.features.batches.schemas import (
    BatchAccepted,
    BatchFile,
    BatchPage,
    BatchStatus,
    BatchSummary,
    FileResult,
)
from tiro.features.jobs.service import JobService
from tiro.features.jobs.states import JobState
from tiro.features.recordings.schemas import Problem
from tiro.features.recordings.service import RecordingService
from tiro.http.multipart import Form, IncomingFile
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.kit.signals import within

_log = structlog.get_logger(__name__)
MAX_TITLE = 1000
_TITLE = "Batch"
_POLL_SECONDS = 1.0
"""A batch has no log of its own; how far it is, is counted from its recordings."""


@dataclass(slots=True)
class _Intake:
    """A request that brings files; ``sent`` are its fields.

    ``sealed`` is the fingerprint of an earlier one under the same key that came to its end: then nothing is
    kept, for what this one brings must be the same. ``try_again`` says that a file was refused for what
    passes.
    """

    batch_id: str
    owner_id: str
    sent: dict[str, list[str]]
    token: str | None
    sealed: str | None
    results: list[FileResult] = field(default_factory=list)
    digests: list[tuple[str, str]] = field(default_factory=list)
    try_again: bool = False

    @property
    def fingerprint(self) -> str:
        told = [sorted(self.sent.items()), self.digests]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class BatchService:
    """Batches: what belongs together, and comes to one end. A file that is no recording stops no other."""

    def __init__(
        self, database: Database, hub: EventHub, recordings: RecordingService, jobs: JobService
    ) -> None:
        self._database = database
        self._hub = hub
        self._recordings = recordings
        self._jobs = jobs

    def require(self, batch_id: str, user_id: str) -> None:
        """Raises NotFound where the user has no such batch; another's and none look the same."""
        if self._row(batch_id).owner_id != user_id:
            raise NotFound("There is no batch with this id.")

    async def receive(
        self, form: Form, owner_id: str, token: str | None, announced: int
    ) -> tuple[BatchAccepted, bool]:
        """Make a batch of the files that a form brings, one after the other as they come. Its fields come
        first and hold for all. Returns what became of them, and whether an earlier request with the same
        Idempotency-Key had done it all.

        Where the sender is gone in between, the files that came whole stay; the same request again, under
        its key, adds what is missing.

        Raises:
            InvalidRequest: the form is not well formed, or a field does not fit.
            IdempotencyMismatch: the key was used with other files or fields.
            UploadInterrupted, StorageFull
        """
        with self._recordings.begin(str(uuid7()), announced):
            pass  # all that is announced has room
        intake: _Intake | None = None
        async for file in form.files():
            if intake is None:
                intake = await asyncio.to_thread(self._begin, form.fields, owner_id, token)
            await self._take(form, intake, file)
        if intake is None:
            intake = await asyncio.to_thread(self._begin, form.fields, owner_id, token)
        results = await asyncio.to_thread(self._finish, intake)
        summary = await asyncio.to_thread(self.summary, intake.batch_id)
        accepted = BatchAccepted.model_validate({**summary.model_dump(), "results": results})
        return accepted, intake.sealed is not None

    def summary(self, batch_id: str) -> BatchSummary:
        with self._database.read() as session:
            row = self._found(repository.get(session, batch_id))
            totals = repository.totals(session, [batch_id])
        return BatchSummary.model_validate(_summary(row, totals))

    async def follow(self, batch_id: str) -> AsyncGenerator[BatchSummary | None]:
        """Yield how far the batch is, at first and whenever that has changed, and None where it has not for a
        while. Ends when all work on it has ended, it is forgotten, or the server stops."""
        told: BatchSummary | None = None
        async with self._hub.listen(batch_id) as closing:
            while not self._hub.closed:
                try:
                    summary = await asyncio.to_thread(self.summary, batch_id)
                except NotFound:
                    return
                yield None if summary == told else summary
                told = summary
                if JobState(summary.status).ended:
                    return
                await within(closing, _POLL_SECONDS)

    def status(self, batch_id: str, limit: int, offset: int) -> BatchStatus:
        with self._database.read() as session:
            row = self._found(repository.get(session, batch_id))
            totals = repository.totals(session, [batch_id])
            files = repository.files(session, batch_id, limit, offset)
        return BatchStatus.model_validate(
            {
                **_summary(row, totals),
                "files": [_file(found) for found in files],
                "refusals": _refusals(row),
                "limit": limit,
                "offset": offset,
            }
        )

    def page(self, owner_id: str, limit: int, offset: int) -> BatchPage:
        with self._database.read() as session:
            rows = repository.page(session, owner_id, limit, offset)
            totals = repository.totals(session, [row.id for row in rows])
            total = repository.count(session, owner_id)
        items = [
            BatchSummary.model_validate(_summary(row, [one for one in totals if one.batch_id == row.id]))
            for row in rows
        ]
        return BatchPage(items=items, total=total, limit=limit, offset=offset)

    def cancel(self, batch_id: str) -> None:
        """Stop all work on the batch; what has ended stays as it is. Raises Conflict where all has ended."""
        with self._database.write() as session:
            at_work = repository.at_work(session, batch_id)
            if not at_work:
                raise Conflict("Nothing of this batch is at work or waits; there is nothing to cancel.")
            owner_id = self._found(repository.get(session, batch_id)).owner_id
            for recording_id in at_work:
                self._jobs.request_cancel(session, recording_id)
                record(session, Action.JOB_CANCELLED, recording_id, owner=owner_id, batch_id=batch_id)
            record(session, Action.BATCH_CANCELLED, batch_id, owner=owner_id, jobs=len(at_work))

    def remove(self, batch_id: str) -> None:
        """Forget the batch. Its recordings stay."""
        with self._database.write() as session:
            owner_id = self._found(repository.get(session, batch_id)).owner_id
            repository.remove(session, batch_id)
            record(session, Action.BATCH_REMOVED, batch_id, owner=owner_id)

    # --- inside -------------------------------------------------------------------------------------

    def _begin(self, fields: Mapping[str, list[str]], owner_id: str, token: str | None) -> _Intake:
        sent = {name: list(values) for name, values in fields.items()}
        title = sent.get("title", [""])[-1].strip()
        if len(title) > MAX_TITLE:
            raise InvalidRequest(f"title: at most {MAX_TITLE} characters.")
        if "batch" in sent:
            raise InvalidRequest("batch: a new batch cannot be a part of another.")
        self._recordings.check(sent, owner_id)
        with self._database.write() as session:
            row = repository.made_before(session, owner_id, token) if token is not None else None
            if row is None:
                row = BatchTable(
                    id=str(uuid7()),
                    owner_id=owner_id,
                    title=title or _TITLE,
                    token=token,
                    fingerprint=None,
                    results=[],
                    created_at=clock.now(),
                )
                repository.add(session, row)
                record(session, Action.BATCH_CREATED, row.id, owner=owner_id)
        return _Intake(row.id, owner_id, sent, token, row.fingerprint)

    async def _take(self, form: Form, intake: _Intake, file: IncomingFile) -> None:
        result = FileResult(filename=file.filename)
        sha256 = ""
        try:
            if intake.sealed is not None:
                _, sha256 = await file.save(None, self._recordings.limits.max_upload)
                return
            recording_id = str(uuid7())
            with self._recordings.begin(recording_id, 0) as upload:
                size, sha256 = await file.save(upload, self._recordings.limits.max_upload)
                asked = {name: values for name, values in intake.sent.items() if name != "title"}
                kept = self._recordings.intake(
                    recording_id,
                    asked | {"batch": [intake.batch_id]},
                    filename=file.filename,
                    size=size,
                    sha256=sha256,
                    owner_id=intake.owner_id,
                    idempotency_key=intake.token and f"{intake.batch_id}/{len(intake.digests)}",
                )
                result.duplicate_of = await asyncio.to_thread(
                    self._recordings.duplicate_of, intake.owner_id, sha256, recording_id
                )
                result.session_id, _ = await asyncio.to_thread(self._recordings.accept, upload, kept)
            if result.duplicate_of == result.session_id:
                result.duplicate_of = None  # it was kept when the same request came before
        except TiroError as error:
            if form.broken or isinstance(error, IdempotencyMismatch):
                raise
            _log.info("batch.file_refused", batch_id=intake.batch_id, code=error.code)
            result.error = Problem(code=error.code, message=error.message)
            intake.try_again = intake.try_again or error.transient or error.status >= 500
        finally:
            intake.results.append(result)
            intake.digests.append((file.filename, sha256))

    def _finish(self, intake: _Intake) -> Sequence[FileResult]:
        """What is answered. Raises IdempotencyMismatch where the key was used for something else."""
        told = [result.model_dump() for result in intake.results]
        with self._database.write() as session:
            row = self._found(repository.get(session, intake.batch_id))
            if row.fingerprint is not None:
                if row.fingerprint != intake.fingerprint:
                    raise IdempotencyMismatch
                return [FileResult.model_validate(result) for result in row.results]
            if intake.token is not None and not intake.try_again:
                repository.seal(session, intake.batch_id, intake.fingerprint, told)
            else:
                repository.note(session, intake.batch_id, told)
        return intake.results

    def _row(self, batch_id: str) -> BatchTable:
        with self._database.read() as session:
            return self._found(repository.get(session, batch_id))

    def _found(self, row: BatchTable | None) -> BatchTable:
        if row is None:
            raise NotFound("There is no batch with this id.")
        return row


def _summary(row: BatchTable, totals: Iterable[Totals]) -> Json:
    counts = dict.fromkeys(JobState, 0)
    position, duration, unknown = 0.0, 0.0, 0
    for found in totals:
        counts[JobState(found.state)] = found.files
        position, duration = position + found.position, duration + found.duration
        unknown += found.unknown
    refused = len(_refusals(row))
    base = f"/api/v1/batches/{row.id}"
    return {
        "batch_id": row.id,
        "title": row.title,
        "created_at": row.created_at,
        "status": _state(counts, refused),
        "counts": counts,
        "total": sum(counts.values()),
        "refused": refused,
        "progress": {"position": round(position, 3), "duration": None if unknown else round(duration, 3)},
        "links": {"self": base, "events": f"{base}/events"},
    }


def _state(counts: Mapping[JobState, int], refused: int) -> JobState:
    ended = sum(count for state, count in counts.items() if state.ended)
    if counts[JobState.RUNNING] or (counts[JobState.QUEUED] and ended):
        return JobState.RUNNING
    if counts[JobState.QUEUED] or not (ended or refused):
        return JobState.QUEUED
    if counts[JobState.FAILED] or refused:
        return JobState.FAILED
    return JobState.CANCELLED if counts[JobState.CANCELLED] else JobState.COMPLETED


def _refusals(row: BatchTable) -> list[Json]:
    return [result for result in row.results if result["error"] is not None]


def _file(row: FileRow) -> BatchFile:
    base = f"/api/v1/transcribe/{row.recording_id}"
    return BatchFile.model_validate(
        {
            "session_id": row.recording_id,
            "title": row.title,
            "filename": row.filename,
            "status": row.state,
            "progress": {"position": round(row.position, 3), "duration": row.duration},
            "error": row.error,
            "links": {"self": base, "transcript": f"{base}/transcript.txt"},
        }
    )
