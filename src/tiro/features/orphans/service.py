"""Find what nobody will ask for again, and take it out of the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog

from tiro.errors import NotFound, TiroError
from tiro.features.audit.service import AuditService
from tiro.features.recordings.service import RecordingService
from tiro.features.uploads.service import UploadService
from tiro.kit import clock
from tiro.storage.base import RecordingStorage
from tiro.telemetry import metrics

_log = structlog.get_logger(__name__)


class OrphanService:
    """A file without a row is an upload that was never acknowledged, or all that is left of recordings whose
    database went missing. Nobody can tell here, so nothing is deleted but what the rows or the audit log say
    was to be; the rest is put aside.

    Args:
        grace: an age that no file of a living request has, wherever it is served.
    """

    def __init__(
        self,
        storage: RecordingStorage,
        recordings: RecordingService,
        uploads: UploadService,
        audit: AuditService,
        grace: timedelta,
    ) -> None:
        self._storage = storage
        self._recordings = recordings
        self._uploads = uploads
        self._audit = audit
        self._grace = grace
        self.found = 0

    def sweep(self) -> bool:
        """One round; there is never more to do at once."""
        self.collect(self._grace)
        return False

    def collect(self, age: timedelta) -> None:
        """Take files out of the way that are older than ``age``; 0 only while nobody else is at work."""
        unfinished = self._storage.sweep_unfinished(age)
        parts = self._uploads.discard_orphans(age)
        # The files first: what comes between the two looks has its row by the second.
        before = clock.now() - age
        kept = {found.key for found in self._storage.kept() if found.at <= before}
        lonely = sorted(kept - self._uploads.recordings_to_be() - self._recordings.ids())
        removed = self._audit.removed(lonely)
        deleted = self._each(
            sorted(kept & (self._recordings.without_media() | removed)), self._storage.delete
        )
        aside = self._each((key for key in lonely if key not in removed), self._storage.set_aside)
        self.found += aside
        for kind, count in (
            ("recording", aside),
            ("removed", deleted),
            ("part", parts),
            ("unfinished", unfinished),
        ):
            metrics.STORAGE_ORPHANS.add(kind, amount=count)
        if unfinished or parts or deleted:
            _log.info("orphans.removed", unfinished=unfinished, parts=parts, files=deleted)
        if aside:
            _log.warning("orphans.set_aside", count=aside, folder=self._storage.aside)

    @staticmethod
    def _each(keys: Iterable[str], action: Callable[[str], None]) -> int:
        done = 0
        for key in keys:
            try:
                action(key)
            except (NotFound, FileNotFoundError):
                continue  # another was faster
            except (TiroError, OSError) as error:
                _log.warning("orphans.left", key=key, error=str(error))
                continue
            done += 1
        return done
