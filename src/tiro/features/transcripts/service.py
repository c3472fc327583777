"""Keep transcripts as they grow, and give them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from tiro.db.tables import SegmentTable
from tiro.db.tables.base import Json
from tiro.features.transcripts import repository
from tiro.kit import clock
from tiro.speech.result import metadata_json, segment_json
from tiro.speech.types import Quality, Segment, Transcript, Word


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """The current transcript of a recording: ``metadata`` as in the API."""

    segments: tuple[Segment, ...]
    metadata: Json


class TranscriptService:
    """Transcripts. All methods take the caller's session and belong to its transaction."""

    def append(self, session: Session, job_id: str, position: int, segments: Sequence[Segment]) -> None:
        """Keep segments that are final; ``position`` is the number of those kept before."""
        repository.add_segments(
            session, (_row(job_id, position + offset, segment) for offset, segment in enumerate(segments))
        )

    def forget(self, session: Session, job_id: str) -> None:
        """Drop the segments of a job that begins anew."""
        repository.forget_segments(session, job_id)

    def count(self, session: Session, job_id: str) -> int:
        return repository.count_segments(session, job_id)

    def finish(self, session: Session, job_id: str, recording_id: str, transcript: Transcript) -> None:
        """Make the job's segments the recording's current transcript."""
        repository.add_current(session, job_id, recording_id, metadata_json(transcript), clock.now())

    def segments(self, session: Session, job_id: str) -> tuple[Segment, ...]:
        return tuple(_segment(row) for row in repository.segments(session, job_id))

    def current(self, session: Session, recording_id: str) -> StoredTranscript | None:
        row = repository.current(session, recording_id)
        if row is None:
            return None
        return StoredTranscript(self.segments(session, row.job_id), row.summary)


def _row(job_id: str, position: int, segment: Segment) -> Json:
    return {
        "job_id": job_id,
        "position": position,
        "start": segment.start,
        "end": segment.end,
        "speaker": segment.speaker,
        "language": segment.language,
        "text": segment.text,
        "confidence": segment.confidence,
        "words": segment_json(segment)["words"],
        "quality": segment.quality and asdict(segment.quality),
    }


def _segment(row: SegmentTable) -> Segment:
    return Segment(
        start=row.start,
        end=row.end,
        text=row.text,
        confidence=row.confidence,
        speaker=row.speaker,
        language=row.language,
        quality=Quality(**row.quality) if row.quality else None,
        words=tuple(
            Word(word["start_time"], word["end_time"], word["text"], word["confidence"]) for word in row.words
        ),
    )
