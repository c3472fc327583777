"""Take uploads in piece by piece, and make recordings of those that are whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

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
    UploadInterrupted,
    UploadTooLarge,
    error_for_code,
)
from tiro.features.audit.service import Action, record
from tiro.features.quotas.service import QuotaService
from tiro.features.recordings.service import RecordingService
from tiro.features.uploads import repository
from tiro.features.uploads.claims import Claims
from tiro.features.uploads.digests import Digests
from tiro.features.uploads.headers import Checksum, metadata
from tiro.features.uploads.turns import Turns
from tiro.http.bodies import IncomingBody, InThread
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.storage.base import PartStorage, PartWriter
from tiro.telemetry import metrics
from tiro.telemetry.timing import timed

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_BATCH = 1024 * 1024
_SWEEP_SECONDS = 600.0
_GOES_ON = "The body ended before its time. HEAD on the upload's address tells where to go on."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is. ``recording_id`` is there once it has become a recording, and ``duplicate_of``
    where its owner had sent the same bytes before."""

    offset: int
    length: int
    metadata: str
    expires_at: datetime
    recording_id: str | None = None
    duplicate_of: str | None = None


class UploadService:
    """Uploads that can be resumed. The coroutines belong to one event loop.

    Args:
        lifetime: how long an upload is kept that nobody continues, and what is known of one that has ended.
        alone: whether no other server takes uploads in.
    """

    def __init__(
        self,
        database: Database,
        parts: PartStorage,
        recordings: RecordingService,
        quotas: QuotaService,
        lifetime: timedelta,
        *,
        alone: bool = True,
    ) -> None:
        self.max_size = recordings.limits.max_upload
        self._database = database
        self._parts = parts
        self._recordings = recordings
        self._quotas = quotas
        self._lifetime = lifetime
        self._turns = Turns(None if alone else Claims(database))
        self._digests = Digests()

    def begin(
        self, length: int, sent_metadata: str, owner_id: str, token: str | None = None
    ) -> tuple[str, bool]:
        """A new upload of ``length`` bytes; returns its id, and whether it had been announced before, under
        the Idempotency-Key ``token``.

        Raises:
            IdempotencyMismatch: the key was used for another upload.
            TiroError: what is announced would be refused at the end.
        """
        with self._database.read() as session:
            if (before := _announced(session, length, sent_metadata, owner_id, token)) is not None:
                return before, True
        fields = metadata(sent_metadata)
        if length > self.max_size:
            raise self._recordings.limits.too_large()
        if length == 0:
            raise EmptyMedia
        self._recordings.check(fields, owner_id)
        self._recordings.admit(owner_id, length)
        upload_id = str(uuid7())
        self._parts.begin(upload_id, length)
        row = UploadTable(
            id=upload_id,
            owner_id=owner_id,
            length=length,
            sent_metadata=sent_metadata,
            created_at=clock.now(),
            token=token,
        )
        try:
            with self._database.write() as session:
                if (before := _announced(session, length, sent_metadata, owner_id, token)) is not None:
                    after_commit(session, lambda: self._parts.discard(upload_id))
                    return before, True
                self._quotas.require_upload(session, owner_id, length)
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
            return await _in_thread(lambda: self._settled(upload_id))

    async def receive(
        self, upload_id: str, offset: int, body: IncomingBody, *, announced: int, checksum: Checksum | None
    ) -> Progress:
        """Append the body, which begins at ``offset``. Of one that breaks off, what came stays, unless there
        is a checksum that it cannot fulfil.

        Args:
            announced: the body's length as far as it is known, else 0.

        Raises:
            OffsetMismatch, UploadTooLarge, UploadExpired, ChecksumMismatch, UploadInterrupted, StorageFull
            TiroError: why the recording was refused.
        """
        async with self._turns.take(upload_id, body.stop):
            before = await _in_thread(lambda: self._at(upload_id, offset))
            room = before.length - offset
            if announced > room:
                raise _past_the_end()
            if room or checksum is not None:
                await self._append(upload_id, offset, room, body, checksum)
            return await _in_thread(lambda: self._settled(upload_id))

    async def remove(self, upload_id: str) -> None:
        """Forget the upload. A recording that it has become stays."""
        async with self._turns.take(upload_id):
            await _in_thread(lambda: self._forget(upload_id))

    async def sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 (the edge of the sweeper: it looks again later)
                _log.warning("uploads.not_swept", error=str(error))
            await asyncio.sleep(_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Finish what is whole, and remove what is too old."""
        for row in await _in_thread(self._unfinished):
            if self._turns.idle(row.id):
                with suppress(UploadBusy):
                    async with self._turns.take(row.id, patient=False):
                        await _in_thread(partial(self._tidy, row.id))
        await _in_thread(self._remove_finished)

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

    async def _append(
        self, upload_id: str, offset: int, room: int, body: IncomingBody, checksum: Checksum | None
    ) -> None:
        digest = self._digests.at(upload_id, offset)
        context = self._parts.append(upload_id, unproven=checksum is not None)
        writer = await _in_thread(context.__enter__)

        def write(data: bytes) -> None:
            writer.write(data)
            if checksum is not None:
                checksum.update(data)
            if digest is not None:
                digest.update(data)

        try:
            with timed(metrics.DOOR_SECONDS, "door", "receive"):
                await _receive(body, room, writer, write)
            if checksum is not None:
                if not checksum.holds:
                    raise ChecksumMismatch
                writer.keep()
        finally:
            await _in_thread(lambda: context.__exit__(None, None, None))

    def _row(self, upload_id: str) -> UploadTable:
        with self._database.read() as session:
            row = repository.get(session, upload_id)
        if row is None:
            raise _no_upload()
        return row

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
        if offset < row.length and expires_at < clock.now():
            raise UploadExpired
        return Progress(offset, row.length, row.sent_metadata, expires_at)

    def _finished(self, row: UploadTable, at: datetime) -> Progress:
        assert row.recording_id is not None
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
        recording_id = str(uuid7())
        with self._database.write() as session:
            if not repository.choose_recording(session, row.id, recording_id):
                raise UploadBusy(retry_after=2)
        fields = metadata(row.sent_metadata)
        sha256 = self._digests.of_whole(row.id, row.length, lambda: self._parts.open(row.id))
        try:
            if fields.get("sha256", [""])[0].lower() not in {sha256, ""}:
                raise ChecksumMismatch("The upload is not what its metadata promise. Begin it anew.")
            intake = self._recordings.intake(
                recording_id,
                fields,
                filename=(fields.get("filename") or fields.get("name") or [""])[0],
                size=row.length,
                sha256=sha256,
                owner_id=row.owner_id,
            )
            self._recordings.accept(
                self._parts.whole(row.id, recording_id),
                intake,
                also=lambda session: self._mark_finished(session, row.id, recording_id),
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
    session: Session, length: int, sent_metadata: str, owner_id: str, token: str | None
) -> str | None:
    """The upload that was announced so under this key. Raises IdempotencyMismatch where it was another."""
    if token is None or (row := repository.announced(session, owner_id, token)) is None:
        return None
    if (row.length, row.sent_metadata) != (length, sent_metadata):
        raise IdempotencyMismatch
    return row.id


async def _receive(body: IncomingBody, room: int, writer: PartWriter, write: Callable[[bytes], None]) -> None:
    """Give the body to ``write``; raises UploadTooLarge, and keeps nothing, if it has more than ``room``."""
    pending: list[bytes] = []
    held = received = 0

    def flush(pieces: list[bytes]) -> None:
        for piece in pieces:
            write(piece)

    async with InThread() as thread:
        try:
            async for chunk in body:
                received += len(chunk)
                metrics.UPLOAD_BYTES.add(amount=len(chunk))
                if received > room:
                    await thread.run(writer.take_back)
                    raise _past_the_end()
                pending.append(chunk)
                held += len(chunk)
                if held >= _BATCH:
                    await thread.run(partial(flush, pending))
                    pending, held = [], 0
        except UploadInterrupted as err:
            await thread.run(partial(flush, pending))
            raise UploadInterrupted(_GOES_ON) from err
        await thread.run(partial(flush, pending))


async def _in_thread(action: Callable[[], _T]) -> _T:
    """As ``to_thread``, but whoever is cancelled waits for the thread: it may still be writing."""
    work = asyncio.ensure_future(asyncio.to_thread(action))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _past_the_end() -> UploadTooLarge:
    return UploadTooLarge("There is more than the Upload-Length that was announced. Nothing of it was kept.")


def _no_upload() -> NotFound:
    return NotFound("There is no upload with this id.")
