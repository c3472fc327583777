"""Rows of peaks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tiro.db.tables import PeaksTable, RecordingTable


def get(session: Session, recording_id: str) -> PeaksTable | None:
    return session.get(PeaksTable, recording_id)


def keep(session: Session, peaks: PeaksTable) -> None:
    """Add them, unless somebody else has, or the recording has gone meanwhile."""
    there = session.scalar(select(RecordingTable.id).where(RecordingTable.id == peaks.recording_id))
    if there is not None and session.get(PeaksTable, peaks.recording_id) is None:
        session.add(peaks)
