"""What a sender may say of an upload after it was begun, and how much of one may come whose length is not
known yet."""

from __future__ import annotations

from tiro.db.session import Database
from tiro.db.tables import UploadTable
from tiro.errors import InvalidRequest, TiroError, UploadTooLarge
from tiro.features.quotas.service import QuotaService
from tiro.features.recordings.service import RecordingService
from tiro.features.uploads import repository
from tiro.features.uploads.headers import metadata

_STEP = 1024 * 1024
_UNANNOUNCED = 16 * _STEP
"""How much a body may have that does not say how long it is, where there is a quota."""


class Later:
    """For whoever has the upload to themselves."""

    def __init__(self, database: Database, recordings: RecordingService, quotas: QuotaService) -> None:
        self._database = database
        self._recordings = recordings
        self._quotas = quotas

    def describe(self, row: UploadTable, sent_metadata: str) -> None:
        """Other metadata, until it is a recording.

        Raises:
            TiroError: they would be refused at the end.
        """
        if sent_metadata == row.sent_metadata:
            return
        self._recordings.check(metadata(sent_metadata), row.owner_id)
        with self._database.write() as session:
            repository.describe(session, row.id, sent_metadata)

    def tell_length(self, row: UploadTable, offset: int, length: int) -> None:
        """How long it is going to be, once.

        Raises:
            InvalidRequest: it is longer already, or another length was told.
            UploadTooLarge, StorageQuotaExceeded
        """
        if row.length == length:
            return
        if row.length is not None:
            raise InvalidRequest(f"Upload-Length: {row.length} was said before, and {length} now.")
        if length < max(offset, 1):
            raise InvalidRequest(f"Upload-Length: {offset} bytes are here, so that it cannot be {length}.")
        if length > self._recordings.limits.max_upload:
            raise self._recordings.limits.too_large()
        with self._database.write() as session:
            self._quotas.grant(session, row.owner_id, row.granted, length, 0)
            repository.tell_length(session, row.id, length)

    def room(self, row: UploadTable, offset: int, announced: int) -> int:
        """How many bytes may come at ``offset``.

        Args:
            announced: how many will, as far as that is known, else 0.

        Raises:
            UploadTooLarge, StorageQuotaExceeded: they are more.
        """
        if row.length is not None:
            if announced > row.length - offset:
                raise past_the_end()
            return row.length - offset
        most = self._recordings.limits.max_upload
        if offset + announced > most:
            raise self._recordings.limits.too_large()
        wanted = offset + (announced or min(_UNANNOUNCED, most - offset))
        with self._database.read() as session:
            limited = self._quotas.quota(session, row.owner_id).storage > 0
        if limited and wanted > row.granted:
            with self._database.write() as session:
                granted = self._quotas.grant(session, row.owner_id, row.granted, wanted, _STEP)
                if granted is not None:
                    repository.grant(session, row.id, granted)
        return (wanted if limited else most) - offset

    def too_much(self, row: UploadTable) -> TiroError:
        """Why a body had more than there was room for."""
        return past_the_end() if row.length is not None else self._recordings.limits.too_large()


def past_the_end() -> UploadTooLarge:
    return UploadTooLarge("There is more than the Upload-Length that was announced. Nothing of it was kept.")
