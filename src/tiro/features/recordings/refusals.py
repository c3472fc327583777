"""Why something is refused about a recording, in the same words everywhere."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tiro.db.tables import RecordingTable
from tiro.errors import InvalidRequest, MediaRemoved, NotFound
from tiro.features.recordings import repository


def no_recording() -> NotFound:
    return NotFound("There is no recording with this id.")


def require_batch(session: Session, batch_id: str | None, owner_id: str) -> None:
    """Raises InvalidRequest where the owner has no such batch; another's and none look the same."""
    if batch_id is not None and repository.batch_owner(session, batch_id) != owner_id:
        raise InvalidRequest("batch: you have none with this id.")


def require_media(recording: RecordingTable) -> None:
    """Raises MediaRemoved where retention removed the file."""
    if recording.media_removed_at is not None:
        raise MediaRemoved(
            f"The recording's file was removed on {recording.media_removed_at:%Y-%m-%d} by retention. "
            "Its transcript is still there."
        )
