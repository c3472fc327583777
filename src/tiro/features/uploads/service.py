"""Take uploads in piece by piece, and make recordings of those that are whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import UploadTable
from tiro.errors import (
    OVER_QUOTA,
    ChecksumMismatch,
    EmptyMedia,
    IdempotencyMismatch,
    NotFound,
    OffsetMismatch,
    TiroError,
    UploadBusy,
    UploadExpired,
    error_for_code,
)
from tiro.features.audit.service import Action, record
from tiro.features.quotas.service import QuotaService
from tiro.features.recordings.service import RecordingService
from tiro.features.rounds.service import RoundService
from tiro.features.uploads import repository
from tiro.features.uploads.claims import Claims
from tiro.features.uploads.digests import Digests
from tiro.features.uploads.headers import Checksum, metadata
from tiro.features.uploads.later import Later
from tiro.features.uploads.live import arrived, is_live
from tiro.features.uploads.receiving import Receiver, in_thread
from tiro.features.uploads.turns import Turns
from tiro.http.bodies import IncomingBody
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.storage.base import PartStorage

_log = structlog.get_logger(__name__)
_SWEEP_SECONDS = 600.0
_ROUND = "uploads.silent"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is; ``length`` is None until its sender knows it. ``recording_id`` is there once it
    has become a recording, and ``duplicate_of`` where its owner had sent the same bytes before."""

    offset: int
    length: int | None
    metadata: str
    expires_at: datetime
    recording_id: str | None = None
    duplicate_of: str | None = None


class UploadService:
    """Uploads that can be resumed. The coroutines belong to one event loop.

    Args:
        lifetime: how long an upload is kept that nobody continues, and what is known of one that has ended.
        silence: how long a recording that is being made may be silent before it is taken for cut off.
        alone: whether no other server takes uploads in.
    """

    def __init__(
        self,
        database: Database,
        parts: PartStorage,
        recordings: RecordingService,
        quotas: QuotaService,
        lifetime: timedelta,
        silence: timedelta,
        *,
        alone: bool = True,
    ) -> None:
        self.max_size = recordings.limits.max_upload
        self._database = database
        self._parts = parts
        self._recordings = recordings
        self._quotas = quotas
        self._later = Later(database, recordings, quotas)
        self._lifetime = lifetime
        self._silence = silence
        self._turns = Turns(None if alone else Claims(database))
        self._digests = Digests()
        self._receiver = Receiver(parts, self._digests, self._later)

    def begin(
        self, length: int | None, sent_metadata: str, owner_id: str, token: str | None = None
    ) -> tuple[str, bool]:
        """A new upload of ``length`` bytes, or of a length that is told later; returns its id, and whether it
        had been announced before, under the Idempotency-Key ``token``.

        Raises:
            IdempotencyMismatch: the key was used for another upload.
            TiroError: what is announced would be refused at the end.
        """
        with self._database.read() as session:
            if (before := _announced(session, length, sent_metadata, owner_id, token)) is not None:
                return before, True
        fields = metadata(sent_metadata)
        if length is not None and length > self.max_size:
            raise self._recordings.limits.too_large()
        if length == 0:
            raise EmptyMedia
        self._recordings.check(fields, owner_id)
        least = length or 1
        self._recordings.admit(owner_id, least)
        upload_id = str(uuid7())
        self._parts.begin(upload_id, least)
        row = UploadTable(
            id=upload_id,
            owner_id=owner_id,
            length=length,
            granted=0,
            sent_metadata=sent_metadata,
            created_at=clock.now(),
            token=token,
        )
        try:
            with self._database.write() as session:
                if (before := _announced(session, length, sent_metadata, owner_id, token)) is not None:
                    after_commit(session, lambda: self._parts.discard(upload_id))
                    return before, True
                self._quotas.require_upload(session, owner_id, least)
                repository.add(session, row)
                record(session, Action.UPLOAD_BEGUN, upload_id, owner=owner_id, length=length)
        except BaseException:
            self._parts.discard(upload_id)
            raise
        return upload_id, False

    def announced_duplicate(self, sent_metadata: str, owner_id: str) -> str | None:
        """The owner's recording of the bytes whose SHA-256 the metadata name."""
        (sha256,) = metadata(sent_metadata).get("sha256", [""])
        return self._recordings.duplicate_of(owner_id, sha256.lower()) if sha256 else None

    def require(self, upload_id: str, user_id: str) -> None:
        """Raises NotFound where the user has no such upload; another's and none look the same."""
        if self._row(upload_id).owner_id != user_id:
            raise _no_upload()

    async def progress(self, upload_id: str) -> Progress:
        """How far it is: what is counted here is on disk for good, and nothing more will come to it from a
        connection that broke. One that is whole becomes a recording first.

        Raises:
            UploadExpired, UploadBusy
            TiroError: why the recording was refused, or cannot be taken in now.
        """
        async with self._turns.take(upload_id):
            return await in_thread(lambda: self._settled(upload_id))

    async def receive(
        self,
        upload_id: str,
        offset: int,
        body: IncomingBody,
        *,
        announced: int,
        checksum: Checksum | None,
        length: int | None = None,
        sent_metadata: str | None = None,
    ) -> Progress:
        """Append the body, which begins at ``offset``. Of one that breaks off, what came stays, unless there
        is a checksum that it cannot fulfil.

        Args:
            announced: the body's length as far as it is known, else 0.
            length, sent_metadata: of the upload, where they are told now.

        Raises:
            OffsetMismatch, UploadTooLarge, UploadExpired, ChecksumMismatch, UploadInterrupted, StorageFull
            InvalidRequest: the length cannot be, or another was told before.
            TiroError: why the recording was refused.
        """
        async with self._turns.take(upload_id, body.stop):
            row, room = await in_thread(
                lambda: self._prepare(upload_id, offset, announced, length, sent_metadata)
            )
            if room or checksum is not None:
                await self._receiver.append(row, offset, room, body, checksum)
            return await in_thread(lambda: self._settled(upload_id))

    async def remove(self, upload_id: str) -> None:
        """Forget the upload. A recording that it has become stays."""
        async with self._turns.take(upload_id):
            await in_thread(lambda: self._forget(upload_id))

    async def sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 (the edge of the sweeper: it looks again later)
                _log.warning("uploads.not_swept", error=str(error))
            await asyncio.sleep(_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Finish what is whole, and remove what is too old."""
        for row in await in_thread(self._unfinished):
            if self._turns.idle(row.id):
                with suppress(UploadBusy):
                    async with self._turns.take(row.id, patient=False):
                        await in_thread(partial(self._tidy, row.id))
        await in_thread(self._remove_finished)

    async def finish_silent_forever(self, rounds: RoundService) -> None:
        """In every server, and at work in one of them at a time."""
        while True:
            seconds = max(1.0, min(15.0, self._silence.total_seconds() / 4))
            try:
                if await in_thread(partial(rounds.take, _ROUND, seconds)):
                    try:
                        await self.finish_silent()
                    finally:
                        await in_thread(partial(rounds.done, _ROUND, seconds))
            except Exception as error:  # noqa: BLE001 (the edge of the round: it looks again later)
                _log.warning("uploads.not_finished", error=str(error))
            await asyncio.sleep(seconds)

    async def finish_silent(self) -> None:
        """Make recordings of what has come of those that were cut off while they were being made."""
        for row in await in_thread(self._unfinished):
            if is_live(row) and self._turns.idle(row.id):
                with suppress(UploadBusy):
                    async with self._turns.take(row.id, patient=False):
                        await in_thread(partial(self._finish_silent, row.id))

    def discard_orphans(self, age: timedelta) -> int:
        """Forget the parts of uploads that no row tells of, or that have ended, if nothing came for ``age``;
        returns how many."""
        keys = list(self._parts.parts())
        with self._database.read() as session:
            unfinished = {row.id for row in repository.unfinished(session)}
        discarded = 0
        for key in keys:
            with suppress(NotFound):
                if key not in unfinished and self._parts.touched(key) <= clock.now() - age:
                    self._parts.discard(key)
                    discarded += 1
        return discarded

    def recordings_to_be(self) -> set[str]:
        """Ids that unfinished uploads have chosen for their recordings, whose files may be there before the
        rows."""
        return {row.recording_id for row in self._unfinished() if row.recording_id is not None}

    def _row(self, upload_id: str) -> UploadTable:
        with self._database.read() as session:
            row = repository.get(session, upload_id)
        if row is None:
            raise _no_upload()
        return row

    def _prepare(
        self, upload_id: str, offset: int, announced: int, length: int | None, sent_metadata: str | None
    ) -> tuple[UploadTable, int]:
        """The upload, after what is said of it now, and how many bytes may come."""
        found = self._at(upload_id, offset)
        row = self._row(upload_id)
        if sent_metadata is not None and found.recording_id is None:
            self._later.describe(row, sent_metadata)
        if length is not None:
            self._later.tell_length(row, offset, length)
        row = self._row(upload_id)
        return row, self._later.room(row, offset, announced)

    def _at(self, upload_id: str, offset: int) -> Progress:
        """Raises OffsetMismatch where the upload is not at ``offset``."""
        found = self._look(self._row(upload_id))
        if found.offset != offset:
            error = OffsetMismatch(f"The upload is at {found.offset}, not at {offset}. Go on from there.")
            error.headers["Upload-Offset"] = str(found.offset)
            raise error
        return found

    def _settled(self, upload_id: str) -> Progress:
        """How far the upload is, after it was finished where it is whole."""
        row = self._row(upload_id)
        found = self._look(row)
        if found.recording_id is None and found.offset == found.length:
            self._finish(row)
            found = self._look(self._row(upload_id))
        return found

    def _look(self, row: UploadTable) -> Progress:
        if row.error is not None:
            raise error_for_code(row.error["code"], row.error["message"])
        if row.finished_at is not None:
            return self._finished(row, row.finished_at)
        if row.recording_id is not None:
            with self._database.write() as session:
                self._reclaim(session, row)
            return self._look(self._row(row.id))
        try:
            offset = self._parts.size(row.id)
            expires_at = self._parts.touched(row.id) + self._lifetime
        except NotFound as err:
            raise UploadExpired from err
        whole = row.length is not None and offset >= row.length
        if not whole and expires_at < clock.now() and not is_live(row):
            raise UploadExpired
        return Progress(offset, row.length, row.sent_metadata, expires_at)

    def _finished(self, row: UploadTable, at: datetime) -> Progress:
        assert row.recording_id is not None
        assert row.length is not None
        sha256 = self._recordings.sha256(row.recording_id)
        if sha256 is None:
            raise UploadExpired("The recording that the upload became was deleted.")
        return Progress(
            row.length,
            row.length,
            row.sent_metadata,
            at + self._lifetime,
            row.recording_id,
            self._recordings.duplicate_of(row.owner_id, sha256, row.recording_id),
        )

    def _finish(self, row: UploadTable) -> None:
        """Make a recording of a whole upload, unless another server does. Done again after a crash, what was
        made before is taken back first."""
        assert row.length is not None
        length, recording_id = row.length, str(uuid7())
        with self._database.write() as session:
            if not repository.choose_recording(session, row.id, recording_id):
                raise UploadBusy(retry_after=2)
        fields = metadata(row.sent_metadata)
        sha256 = self._digests.of_whole(row.id, length, lambda: self._parts.open(row.id))
        try:
            if fields.get("sha256", [""])[0].lower() not in {sha256, ""}:
                raise ChecksumMismatch("The upload is not what its metadata promise. Begin it anew.")
            with arrived(self._parts, self._recordings, row, recording_id, sha256) as (arrival, size, sha256):
                intake = self._recordings.intake(
                    recording_id,
                    fields,
                    filename=(fields.get("filename") or fields.get("name") or [""])[0],
                    size=size,
                    sha256=sha256,
                    owner_id=row.owner_id,
                )
                self._recordings.accept(
                    arrival, intake, also=lambda session: self._mark_finished(session, row.id, recording_id)
                )
        except NotFound as err:
            # Another server has finished it, and dropped the pieces that we were reading.
            raise UploadBusy(retry_after=2) from err
        except TiroError as error:
            # Where the owner only has too much for now, the bytes wait for a better day.
            if not error.transient and error.status < 500 and not isinstance(error, OVER_QUOTA):
                self._refuse(row.id, error)
            raise
        self._drop(row.id)

    def _finish_silent(self, upload_id: str) -> None:
        row = self._row(upload_id)
        if row.finished_at is not None or row.recording_id is not None:
            return
        try:
            length, touched = self._parts.size(upload_id), self._parts.touched(upload_id)
        except NotFound:
            return
        if touched + self._silence > clock.now():
            return
        if not length:
            self._forget(upload_id)
            return
        if row.length != length:
            with self._database.write() as session:
                if not repository.cut_off(session, upload_id, length):
                    return
                record(session, Action.UPLOAD_CUT_OFF, upload_id, owner=row.owner_id, length=length)
            _log.info("upload.cut_off", upload_id=upload_id, length=length)
        try:
            self._settled(upload_id)
        except TiroError as error:
            _log.info("upload.not_finished", upload_id=upload_id, code=error.code)

    def _refuse(self, upload_id: str, error: TiroError) -> None:
        """Remember why, for whoever lost the answer; the bytes are of no more use."""
        with self._database.write() as session:
            repository.refuse(session, upload_id, clock.now(), {"code": error.code, "message": error.message})
            after_commit(session, lambda: self._drop(upload_id))

    def _forget(self, upload_id: str) -> None:
        with self._database.write() as session:
            if (row := repository.get(session, upload_id)) is not None:
                record(session, Action.UPLOAD_REMOVED, upload_id, owner=row.owner_id)
                self._reclaim(session, row)
            repository.remove(session, upload_id)
            after_commit(session, lambda: self._drop(upload_id))

    @staticmethod
    def _mark_finished(session: Session, upload_id: str, recording_id: str) -> None:
        """Raises UploadBusy where another server finishes it: then nothing comes of ours."""
        if not repository.finish(session, upload_id, recording_id, clock.now()):
            raise UploadBusy(retry_after=2)

    def _reclaim(self, session: Session, row: UploadTable) -> None:
        """Take back what a process made of the upload that died before it could say so. From then on it could
        not finish the upload either, if it should live."""
        if row.recording_id is not None and repository.withdraw_recording(session, row.id, row.recording_id):
            self._parts.reclaim(row.id, row.recording_id)

    def _drop(self, upload_id: str) -> None:
        self._parts.discard(upload_id)
        self._digests.forget(upload_id)

    def _tidy(self, upload_id: str) -> None:
        try:
            self._settled(upload_id)
        except UploadExpired:
            self._drop(upload_id)
            # The row tells for a while longer that there was one.
            if self._row(upload_id).created_at + 2 * self._lifetime < clock.now():
                self._forget(upload_id)
        except TiroError as error:
            _log.info("upload.not_finished", upload_id=upload_id, code=error.code)

    def _unfinished(self) -> Sequence[UploadTable]:
        with self._database.read() as session:
            return repository.unfinished(session)

    def _remove_finished(self) -> None:
        with self._database.write() as session:
            repository.remove_finished(session, clock.now() - self._lifetime)


def _announced(
    session: Session, length: int | None, sent_metadata: str, owner_id: str, token: str | None
) -> str | None:
    """The upload that was announced so under this key. Raises IdempotencyMismatch where it was another."""
    if token is None or (row := repository.announced(session, owner_id, token)) is None:
        return None
    if (row.length, row.sent_metadata) != (length, sent_metadata):
        raise IdempotencyMismatch
    return row.id


def _no_upload() -> NotFound:
    return NotFound("There is no upload with this id.")
