"""Take recordings in, show them, and take them out again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import JobTable, RecordingTable
from tiro.db.tables.base import Json
from tiro.errors import (
    Conflict,
    EmptyMedia,
    IdempotencyMismatch,
    NotShared,
    RecordingHeld,
)
from tiro.events.base import EventHub
from tiro.features.audit.service import Action, record
from tiro.features.jobs.service import JobService
from tiro.features.jobs.states import JobState
from tiro.features.quotas.service import QuotaService
from tiro.features.recordings import repository, shown
from tiro.features.recordings.asked import Asked, Mark, clean_name
from tiro.features.recordings.intake import Intake, IntakeLimits
from tiro.features.recordings.looking import Look, claimed_seconds
from tiro.features.recordings.refusals import no_recording, require_batch, require_media
from tiro.features.recordings.repository import Listed
from tiro.features.recordings.schemas import SessionResult, SessionSummary
from tiro.features.sharing.access import Access
from tiro.features.sharing.service import SharingService
from tiro.features.tags.service import TagService
from tiro.features.transcripts.service import StoredTranscript, TranscriptService
from tiro.features.webhooks.service import WebhookEvent, WebhookService
from tiro.kit import clock
from tiro.kit.signals import within
from tiro.media.decode import DecoderPool
from tiro.media.mimetypes import media_type
from tiro.speech.captions import FORMATS
from tiro.storage.base import Arrival, Storage, Upload
from tiro.telemetry import metrics, tracing
from tiro.telemetry.timing import timed

__all__ = ["Intake", "IntakeLimits", "RecordingService"]

_log = structlog.get_logger(__name__)


class RecordingService:
    """Recordings and the door they come through.

    Args:
        signed_seconds: how long an address is good at which the store itself gives a recording to whoever has
            the address; 0 for no such addresses.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        hub: EventHub,
        decoders: DecoderPool,
        jobs: JobService,
        transcripts: TranscriptService,
        sharing: SharingService,
        tags: TagService,
        quotas: QuotaService,
        comment: Callable[[Session, str, str, Mark], object],
        check_engine: Callable[[str], None],
        limits: IntakeLimits,
        webhooks: WebhookService,
        signed_seconds: int = 0,
    ) -> None:
        self.limits = limits
        self._database = database
        self._storage = storage
        self._hub = hub
        self._look = Look(decoders)
        self._jobs = jobs
        self._transcripts = transcripts
        self._sharing = sharing
        self._tags = tags
        self._quotas = quotas
        self._comment = comment
        self._check_engine = check_engine
        self._webhooks = webhooks
        self._signed_seconds = signed_seconds

    def begin(self, recording_id: str, size: int) -> AbstractContextManager[Upload]:
        """Room for an upload of about ``size`` bytes; raises StorageFull where there is none."""
        return self._storage.create(recording_id, size)

    def admit(self, owner_id: str, size: int, idempotency_key: str | None = None) -> None:
        """Look, before an upload of ``size`` bytes or more is read, whether its owner may send it. One that
        came before under the same Idempotency-Key is only told again.

        Raises:
            StorageQuotaExceeded, AudioQuotaExceeded, JobQuotaExceeded, QueueFull
        """
        if idempotency_key is not None:
            with self._database.read() as session:
                if repository.done_before(session, owner_id, idempotency_key) is not None:
                    return
        self._quotas.admit(owner_id, size)
        with self._database.read() as session:
            self._jobs.require_room(session)

    def check(self, fields: Mapping[str, list[str]], owner_id: str) -> None:
        """Raises TiroError where these fields would not do, as ``intake`` and ``accept`` would later."""
        asked = Asked.of(fields)
        self._check_engine(asked.options(self.limits.default_engine).engine)
        with self._database.read() as session:
            require_batch(session, asked.batch, owner_id)

    def intake(
        self,
        recording_id: str,
        fields: Mapping[str, list[str]],
        *,
        filename: str,
        size: int,
        sha256: str,
        owner_id: str,
        idempotency_key: str | None = None,
    ) -> Intake:
        """An upload with what ``fields`` ask for; raises InvalidRequest, UnsupportedLanguage."""
        asked = Asked.of(fields)
        return Intake(
            recording_id=recording_id,
            filename=filename,
            title=asked.title,
            size=size,
            sha256=sha256,
            options=asked.options(self.limits.default_engine),
            priority=asked.priority,
            owner_id=owner_id,
            idempotency_key=idempotency_key,
            batch_id=asked.batch,
            marks=asked.moments(),
        )

    def duplicate_of(self, owner_id: str, sha256: str, recording_id: str | None = None) -> str | None:
        """The owner's first recording of these bytes; of several, one that came before ``recording_id``."""
        with self._database.read() as session:
            return repository.first_of_bytes(session, owner_id, sha256, recording_id)

    def sha256(self, recording_id: str) -> str | None:
        """Of the file; None where there is no such recording."""
        with self._database.read() as session:
            recording = repository.get(session, recording_id)
        return recording.sha256 if recording else None

    def accept(
        self, upload: Arrival, intake: Intake, also: Callable[[Session], None] | None = None
    ) -> tuple[str, bool]:
        """Keep an upload and queue its job. Returns the recording's id, and whether an earlier request with
        the same Idempotency-Key made it. When this returns, neither a crash nor a power cut loses the upload.

        Args:
            also: what is to be recorded in the same transaction as the new recording.

        Raises:
            TiroError: the file is not a recording that can be read, or the options do not fit, or it is more
                than its owner may have.
        """
        self._check_engine(intake.options.engine)
        if intake.size == 0:
            raise EmptyMedia
        with self._database.read() as session:
            earlier = self._done_before(session, intake)
            if earlier is None:
                require_batch(session, intake.batch_id, intake.owner_id)
        if earlier is not None:
            return earlier, True
        media = self._look.inside(upload)
        with timed(metrics.DOOR_SECONDS, "door", "commit"):
            earlier = self._commit(upload, intake, media, also)
        return earlier or intake.recording_id, earlier is not None

    def result(self, recording_id: str, reader_id: str | None) -> SessionResult:
        """As ``result_json``, read."""
        return SessionResult.model_validate_json(self.result_json(recording_id, reader_id))

    def result_json(
        self, recording_id: str, reader_id: str | None, links: Mapping[str, str] | None = None
    ) -> bytes:
        """The finished transcript, or as long as there is none what the job has so far: a SessionResult.

        Args:
            reader_id: the user who reads it; None is whoever has a link.
            links: in the place of those of the API.
        """
        with self._database.read() as session:
            recording = self._get(session, recording_id)
            job = self._jobs.latest(session, recording_id)
            current = self._transcripts.current(session, recording_id, only=())
            segments = self._transcripts.shown(session, current.job_id if current else job.id)
            waiting_for = self._jobs.waiting_for(session, job)
            listed = self._listed(session, recording, job)
            known = current.metadata if current else shown.metadata_so_far(recording, job)
            access = self._sharing.access_of_reader(session, recording_id, recording.owner_id, reader_id)
        result = SessionResult.model_validate(
            {
                **shown.summary(listed),
                "waiting_for": waiting_for,
                "transcript": shown.transcript(current),
                "metadata": shown.metadata(known, own=reader_id == recording.owner_id),
                "access": access.name.lower(),
            }
        )
        if links is not None:
            result.links = dict(links)
        return shown.with_segments(result, segments)

    def transcript(self, recording_id: str) -> StoredTranscript | None:
        """The finished transcript; None where there is none."""
        with self._database.read() as session:
            self._get(session, recording_id)
            return self._transcripts.current(session, recording_id)

    def export(self, recording_id: str, extension: str, reader_id: str | None) -> tuple[str, str, str]:
        """The finished transcript as text: the recording's title, the text, and its media type.

        Args:
            reader_id: the user who reads it; None is whoever has a link.

        Raises:
            Conflict: there is no finished transcript yet, or there never will be.
        """
        with self._database.read() as session:
            recording = self._get(session, recording_id)
            current = self._transcripts.current(session, recording_id)
            state = self._jobs.latest(session, recording_id).state
        if current is None:
            raise Conflict(f"There is no finished transcript; the job is {state}.")
        if extension == "json":
            text = shown.document(recording, current, own=reader_id == recording.owner_id)
            return recording.title, text, "application/json"
        entry = FORMATS[extension]
        return recording.title, entry.render(current.named), entry.media_type

    def summary(self, recording_id: str) -> SessionSummary:
        with self._database.read() as session:
            recording = self._get(session, recording_id)
            job = self._jobs.latest(session, recording_id)
            found = self._listed(session, recording, job)
            waiting_for = self._jobs.waiting_for(session, job)
        return SessionSummary.model_validate({**shown.summary(found), "waiting_for": waiting_for})

    async def wait(self, recording_id: str, seconds: float) -> bool:
        """Wait for the end of the job, at most ``seconds``; True where it has ended."""
        deadline = time.monotonic() + seconds
        async with self._hub.listen(recording_id) as hint:
            while True:
                hint.clear()
                if await asyncio.to_thread(self._ended, recording_id):
                    return True
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._hub.closed:
                    return False
                await within(hint, min(remaining, 2.0))

    def cancel(self, recording_id: str) -> None:
        with self._database.write() as session:
            job = self._jobs.request_cancel(session, recording_id)
            record(session, Action.JOB_CANCELLED, recording_id, owner=job.user_id, job_id=job.id)

    def retry(self, recording_id: str) -> str:
        """Queue a new job; returns its id. Raises Conflict where the last one has not ended, and MediaRemoved
        where there is nothing to work on."""
        with self._database.write() as session:
            recording = self._get(session, recording_id)
            require_media(recording)
            seconds = claimed_seconds(recording.media)
            if self._jobs.state(session, recording_id).ended:
                self._quotas.require_work(session, recording.owner_id, seconds)
            job = self._jobs.retry(session, recording_id)
            self._quotas.count_audio(session, recording.owner_id, seconds)
            record(session, Action.JOB_RETRIED, recording_id, owner=job.user_id, job_id=job.id)
            return job.id

    def delete(self, recording_id: str) -> None:
        """Remove a recording with all that was made of it. Work on it stops at its next step.

        Raises:
            RecordingHeld: it is on hold.
        """
        with self._database.write() as session:
            recording = self._get(session, recording_id)
            if recording.held_at is not None:
                raise RecordingHeld
            self.remove(session, recording)
            if not recording.passing:  # that it goes with its request was written down when it came
                record(session, Action.RECORDING_DELETED, recording_id, owner=recording.owner_id)
        _log.info("recording.deleted", recording_id=recording_id)

    def remove(self, session: Session, recording: RecordingTable) -> None:
        """Delete the rows now, the file after the commit: the next start knows a file without a row."""
        self._webhooks.publish(session, recording.id, WebhookEvent.DELETED, {"status": "deleted"})
        repository.remove(session, recording)
        after_commit(session, lambda: self._storage.delete(recording.id))
        after_commit(session, partial(self._hub.announce, recording.id))
        after_commit(session, partial(self._hub.announce, recording.owner_id))

    def remove_passing(self, *, older: float = 0.0) -> int:
        """Remove what was kept for open requests; returns how many. Only while there can be none, or what is
        ``older`` than so many seconds, which no request is."""
        with self._database.read() as session:
            left = repository.passing(session, clock.now() - timedelta(seconds=older))
        for recording_id in left:
            self.delete(recording_id)
        return len(left)

    def open_media(self, recording_id: str) -> tuple[BinaryIO, str, str | None]:
        """The recording's bytes (the caller closes them), its name, and its container.

        Raises:
            MediaRemoved: retention removed them.
        """
        filename, container = self._named(recording_id)
        return self._storage.open(recording_id), filename, container

    def media_address(self, recording_id: str) -> str | None:
        """Where a player can get the recording's bytes from the store itself; None where it cannot, or is not
        to. Raises MediaRemoved."""
        if not self._signed_seconds:
            return None
        filename, container = self._named(recording_id)
        return self._storage.address(recording_id, self._signed_seconds, media_type(container), filename)

    def _named(self, recording_id: str) -> tuple[str, str | None]:
        with self._database.read() as session:
            recording = self._get(session, recording_id)
        require_media(recording)
        return recording.filename, recording.media["container"] if recording.media else None

    def ids(self) -> set[str]:
        with self._database.read() as session:
            return repository.ids(session)

    def without_media(self) -> set[str]:
        """The ids of those whose file retention removed."""
        with self._database.read() as session:
            return repository.without_media(session)

    def require(self, recording_id: str, user_id: str, least: Access = Access.OWNER) -> None:
        """Raises NotFound where the user has no such recording and none is shared with them, for a stranger's
        and none look the same; and NotShared where it is, but not for what ``least`` is needed for."""
        with self._database.read() as session:
            if self._get(session, recording_id).owner_id == user_id:
                return
            access = self._sharing.access(session, recording_id, user_id)
        if access is None:
            raise no_recording()
        if access < least:
            raise NotShared

    def _ended(self, recording_id: str) -> bool:
        with self._database.read() as session:
            return self._jobs.state(session, recording_id).ended

    def _get(self, session: Session, recording_id: str) -> RecordingTable:
        recording = repository.get(session, recording_id)
        if recording is None:
            raise no_recording()
        return recording

    def _listed(self, session: Session, recording: RecordingTable, job: JobTable) -> Listed:
        return shown.listed(recording, job, self._tags.of(session, [recording.id]).get(recording.id, []))

    def _done_before(self, session: Session, intake: Intake) -> str | None:
        if intake.idempotency_key is None:
            return None
        earlier = repository.done_before(session, intake.owner_id, intake.idempotency_key)
        if earlier is None:
            return None
        if earlier.fingerprint != intake.fingerprint:
            raise IdempotencyMismatch
        return earlier.recording_id

    def _commit(
        self, upload: Arrival, intake: Intake, media: Json | None, also: Callable[[Session], None] | None
    ) -> str | None:
        """The file, then its row. Returns the recording that the same request made before, if any."""
        with tracing.span("storage.commit"):
            upload.commit()
        try:
            with self._database.write() as session:
                earlier = self._done_before(session, intake)
                if earlier is None:
                    if also is not None:
                        also(session)
                    self._keep(session, intake, media)
        except BaseException:
            upload.undo()
            raise
        if earlier is not None:
            upload.undo()
        return earlier

    def _keep(self, session: Session, intake: Intake, media: Json | None) -> None:
        seconds = claimed_seconds(media)
        self._quotas.require(session, intake.owner_id, size=intake.size, seconds=seconds)
        self._quotas.count_audio(session, intake.owner_id, seconds)
        filename = clean_name(intake.filename) or "recording"
        now = clock.now()
        recording = RecordingTable(
            id=intake.recording_id,
            owner_id=intake.owner_id,
            title=clean_name(intake.title or "") or PurePosixPath(filename).stem or filename,
            filename=filename,
            size=intake.size,
            sha256=intake.sha256,
            media=media,
            passing=intake.passing,
            created_at=now,
        )
        require_batch(session, intake.batch_id, intake.owner_id)
        repository.add(session, recording, intake.batch_id)
        more = {"passing": True} if intake.passing else {}
        owner = intake.owner_id
        record(session, Action.RECORDING_CREATED, recording.id, owner=owner, size=intake.size, **more)
        if intake.idempotency_key is not None:
            token, asked = intake.idempotency_key, intake.fingerprint
            repository.remember(session, owner, token, asked, recording.id, now)
        for mark in intake.marks:
            self._comment(session, recording.id, owner, mark)
        self._jobs.enqueue(session, recording.id, intake.owner_id, intake.options, intake.priority)
        after_commit(session, partial(self._hub.announce, intake.owner_id))
        self._webhooks.publish(session, recording.id, WebhookEvent.ACCEPTED, {"status": JobState.QUEUED})
        _log.info("recording.accepted", recording_id=recording.id, size=intake.size)
