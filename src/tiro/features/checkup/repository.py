"""Look for rows that should not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import exists, func, or_, select, text
from sqlalchemy.orm import Session

from tiro.db.tables import (
    BatchFileTable,
    BatchTable,
    DeliveryTable,
    EditTable,
    JobTable,
    RecordingTable,
    SegmentTable,
    ShareTable,
    TranscriptTable,
    UploadTable,
    UserTable,
)
from tiro.features.jobs.states import JobState


def integrity(session: Session) -> list[str]:
    """What SQLite finds wrong with its own file; empty on other databases and where all is well."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    return [line for (line,) in session.execute(text("PRAGMA quick_check")) if line != "ok"]


def expired(session: Session, now: datetime) -> Sequence[str]:
    query = select(JobTable.id).where(JobTable.state == JobState.RUNNING, JobTable.lease_until < now)
    return session.scalars(query).all()


def files(session: Session) -> Iterator[tuple[str, int, str]]:
    """Id, size and SHA-256 of every recording that has a file."""
    query = select(RecordingTable.id, RecordingTable.size, RecordingTable.sha256)
    for row in session.execute(query.where(RecordingTable.media_removed_at.is_(None))):
        yield row.id, row.size, row.sha256


def recordings(session: Session) -> set[str]:
    return set(session.scalars(select(RecordingTable.id)))


def uploads(session: Session) -> set[str]:
    return set(session.scalars(select(UploadTable.id)))


def recordings_to_be(session: Session) -> set[str]:
    """Ids that uploads have chosen for the recordings which they become. The file of one may be there before
    its row, and after a crash it is taken back at the next start."""
    query = select(UploadTable.recording_id).where(UploadTable.finished_at.is_(None))
    return {recording_id for recording_id in session.scalars(query) if recording_id is not None}


def without_one_latest_job(session: Session) -> Sequence[str]:
    query = (
        select(RecordingTable.id)
        .outerjoin(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        .group_by(RecordingTable.id)
        .having(func.count(JobTable.id) != 1)
    )
    return session.scalars(query).all()


def miscounted(session: Session) -> Sequence[str]:
    """Users whose recordings are not as many as their row says."""
    found = select(RecordingTable.owner_id, func.count().label("found")).group_by(RecordingTable.owner_id)
    counted = found.subquery()
    query = (
        select(UserTable.name)
        .outerjoin(counted, counted.c.owner_id == UserTable.id)
        .where(UserTable.recordings != func.coalesce(counted.c.found, 0))
    )
    return session.scalars(query).all()


def in_anothers_batch(session: Session) -> Sequence[str]:
    query = (
        select(RecordingTable.id)
        .join(BatchFileTable, BatchFileTable.recording_id == RecordingTable.id)
        .join(BatchTable, BatchTable.id == BatchFileTable.batch_id)
        .where(BatchTable.owner_id != RecordingTable.owner_id)
    )
    return session.scalars(query).all()


def shares_of_others(session: Session) -> Sequence[str]:
    """Shares that do not name the recording's owner, or are with the owner."""
    query = (
        select(ShareTable.id)
        .join(RecordingTable, RecordingTable.id == ShareTable.recording_id)
        .where(
            or_(ShareTable.owner_id != RecordingTable.owner_id, ShareTable.user_id == RecordingTable.owner_id)
        )
    )
    return session.scalars(query).all()


def completed_without_transcript(session: Session) -> Sequence[str]:
    query = (
        select(JobTable.recording_id)
        .outerjoin(
            TranscriptTable, (TranscriptTable.recording_id == JobTable.recording_id) & TranscriptTable.current
        )
        .where(JobTable.latest, JobTable.state == JobState.COMPLETED, TranscriptTable.job_id.is_(None))
    )
    return session.scalars(query).all()


def lost_deliveries(session: Session) -> Sequence[str]:
    """Messages that wait and yet are never due, or have ended and are."""
    waits = DeliveryTable.state == "pending"
    query = select(DeliveryTable.id).where(
        (waits != DeliveryTable.next_at.is_not(None)) | (waits != DeliveryTable.finished_at.is_(None))
    )
    return session.scalars(query).all()


def gaps_in_segments(session: Session) -> Sequence[str]:
    """Jobs whose segments are not numbered 0, 1, 2 … without a hole, but for those that people edited."""
    edited = select(TranscriptTable.job_id).where(TranscriptTable.version > TranscriptTable.first_version)
    query = (
        select(SegmentTable.job_id)
        .where(SegmentTable.job_id.not_in(edited))
        .group_by(SegmentTable.job_id)
        .having(func.max(SegmentTable.position) != func.count() - 1)
    )
    return session.scalars(query).all()


def miscounted_edits(session: Session) -> Sequence[str]:
    """Transcripts whose version is not what their edits make it, or with a segment beyond the next number."""
    edits = (
        select(func.count())
        .where(EditTable.job_id == TranscriptTable.job_id)
        .correlate(TranscriptTable)
        .scalar_subquery()
    )
    beyond = exists().where(
        SegmentTable.job_id == TranscriptTable.job_id, SegmentTable.position >= TranscriptTable.next_position
    )
    query = select(TranscriptTable.job_id).where(
        (TranscriptTable.version != TranscriptTable.first_version + edits) | beyond
    )
    return session.scalars(query).all()
