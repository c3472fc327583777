"""Remove what has been kept for long enough, and keep what is on hold."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import RecordingTable
from tiro.errors import Conflict, NotFound, TiroError
from tiro.features.audit.service import Action, record
from tiro.features.events.service import EventService
from tiro.features.jobs.service import JobService
from tiro.features.recordings.service import RecordingService
from tiro.features.retention import repository
from tiro.features.retention.plan import Due, Policy, RetentionPlan
from tiro.kit import clock
from tiro.storage.base import Storage

__all__ = ["Policy", "RetentionPlan", "RetentionService"]

_log = structlog.get_logger(__name__)
_BATCH = 100


class RetentionService:
    """Retention. A file's end is in its row before the file goes: after a crash the row tells that it has to
    go, and ``finish`` sees to it."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        events: EventService,
        jobs: JobService,
        recordings: RecordingService,
        plan: RetentionPlan,
    ) -> None:
        self.plan = plan
        self._database = database
        self._storage = storage
        self._events = events
        self._jobs = jobs
        self._recordings = recordings
        self._left: set[str] = set()

    def hold(self, recording_id: str) -> None:
        """Nothing and nobody removes the recording until it is released.

        Raises:
            NotFound: there is no such recording.
            Conflict: it goes with the answer to its request.
        """
        with self._database.write() as session:
            recording = _require(session, recording_id)
            if recording.passing:
                raise Conflict("The recording goes with the answer to its request; it cannot be kept.")
            if recording.held_at is None:
                recording.held_at = clock.now()
                record(session, Action.RECORDING_HELD, recording_id, owner=recording.owner_id)

    def release(self, recording_id: str) -> None:
        """Raises NotFound."""
        with self._database.write() as session:
            recording = _require(session, recording_id)
            if recording.held_at is not None:
                recording.held_at = None
                record(session, Action.RECORDING_RELEASED, recording_id, owner=recording.owner_id)

    def sweep(self) -> bool:
        """Remove what is due, up to a batch, each in a transaction of its own so that others may write in
        between. True where there may be more."""
        for recording_id in tuple(self._left):
            self._delete_file(recording_id)
        found = self.plan.due(limit=_BATCH)
        for due in found:
            try:
                with self._database.write() as session:
                    self._remove(session, due)
            except TiroError as error:
                _log.warning("retention.not_removed", recording_id=due.recording_id, code=error.code)
                return False
        return len(found) >= _BATCH

    def _remove(self, session: Session, due: Due) -> None:
        recording = repository.recording(session, due.recording_id)
        # Much may have happened since it was found.
        if recording is None or recording.held_at is not None:
            return
        if not self._jobs.state(session, recording.id).ended:
            return
        if due.part == "recording":
            self._recordings.remove(session, recording)
            action = Action.RECORDING_PURGED
        elif recording.media_removed_at is None:
            recording.media_removed_at = now = clock.now()
            self._events.append(session, recording.id, "media_removed", {"at": now.isoformat()})
            after_commit(session, lambda: self._delete_file(due.recording_id))
            action = Action.RECORDING_MEDIA_REMOVED
        else:
            return
        record(session, action, recording.id, owner=recording.owner_id, size=due.size, days=due.days)
        _log.info(action.value, recording_id=recording.id, days=due.days)

    def _delete_file(self, recording_id: str) -> None:
        self._left.add(recording_id)
        try:
            self._storage.delete(recording_id)
        except OSError as error:
            _log.warning("retention.file_left", recording_id=recording_id, error=str(error))
        else:
            self._left.discard(recording_id)


def _require(session: Session, recording_id: str) -> RecordingTable:
    recording = repository.recording(session, recording_id)
    if recording is None:
        raise NotFound("There is no recording with this id.")
    return recording
