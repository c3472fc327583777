"""Keep transcripts as they grow, change them, and give them out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row
from sqlalchemy.orm import Session

from tiro.db.tables import EditTable, TranscriptTable
from tiro.db.tables.base import Json
from tiro.features.transcripts import repository
from tiro.kit import clock
from tiro.speech.result import metadata_json, segment_json, without_words
from tiro.speech.types import Quality, Segment, Transcript, Word


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """The current transcript of a recording.

    ``version`` grows with each edit; ``first_version`` is what the job made, and greater than any of an
    earlier job's. ``numbered`` are its segments by their numbers, in the order in which they were said;
    ``speakers`` the names that people gave to the speakers, by label; ``metadata`` as in the API.
    """

    job_id: str
    version: int
    first_version: int
    numbered: Mapping[int, Segment]
    speakers: dict[str, str]
    metadata: Json
    next_position: int

    @property
    def segments(self) -> tuple[Segment, ...]:
        """With the labels of their speakers."""
        return tuple(self.numbered.values())

    @property
    def named(self) -> tuple[Segment, ...]:
        """With the names of their speakers, where they have one."""
        return tuple(
            replace(segment, speaker=self.speakers.get(segment.speaker, segment.speaker))
            if segment.speaker
            else segment
            for segment in self.numbered.values()
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What an edit changes: segments by their number, None for one that is not there; and the names of
    speakers by their label, None for one that has none."""

    before: Mapping[int, Segment | None] = field(default_factory=dict)
    after: Mapping[int, Segment | None] = field(default_factory=dict)
    names: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)

    @property
    def inverse(self) -> Difference:
        names = {label: (after, before) for label, (before, after) in self.names.items()}
        return Difference(self.after, self.before, names)

    def __bool__(self) -> bool:
        return bool(self.after or self.names)


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

    def shown(self, session: Session, job_id: str) -> list[bytes]:
        """The segments of a job as the API shows them, each as JSON. A transcript of hours has tens of
        thousands of words: they are kept in this form, and go out without being read on the way."""
        rows = repository.segments_to_show(session, job_id)
        return [_shown(row) for row in rows]

    def numbered(
        self, session: Session, job_id: str, only: Collection[int] | None = None
    ) -> dict[int, Segment]:
        """The segments of a job by their numbers, in the order in which they were said; ``only`` these."""
        return {row.position: _read(row._asdict()) for row in repository.segments(session, job_id, only)}

    def texts(self, session: Session, job_id: str) -> Sequence[tuple[int, str]]:
        """What the segments say, by their numbers: a fraction of what the whole of them is."""
        return repository.texts(session, job_id)

    def some_of(self, session: Session, job_id: str, speaker: str) -> Sequence[int]:
        """The number of one segment that the speaker says; none where there is none."""
        return repository.some_of(session, job_id, speaker)

    def next_to(self, session: Session, job_id: str, number: int) -> Sequence[int]:
        """The number of the segment that follows in time; none where there is none."""
        return repository.next_to(session, job_id, number)

    def current(
        self,
        session: Session,
        recording_id: str,
        *,
        to_change: bool = False,
        only: Collection[int] | None = None,
    ) -> StoredTranscript | None:
        """With ``to_change`` no job makes another the current one until the transaction ends; with ``only``
        all segments but these are left out."""
        row = repository.current(session, recording_id, to_change=to_change)
        if row is None:
            return None
        return StoredTranscript(
            row.job_id,
            row.version,
            row.first_version,
            self.numbered(session, row.job_id, only),
            row.speakers,
            row.summary,
            row.next_position,
        )

    def change(
        self,
        session: Session,
        transcript: StoredTranscript,
        difference: Difference,
        user_id: str,
        undoes: int | None = None,
    ) -> int:
        """Make another version of a transcript that is current, and keep the difference; returns the version.
        The caller has read ``transcript`` in the same transaction, which no other writer shares."""
        row = session.get_one(TranscriptTable, transcript.job_id)
        row.version += 1
        row.next_position = max(row.next_position, *(number + 1 for number in difference.after), 0)
        names = {label: name for label, (_, name) in difference.names.items()}
        row.speakers = {label: name for label, name in ({**row.speakers, **names}).items() if name}
        repository.remove_segments(session, row.job_id, list(difference.before))
        after = _side(difference.after)
        repository.add_segments(
            session,
            (
                {"job_id": row.job_id, "position": int(number), **said}
                for number, said in after.items()
                if said
            ),
        )
        edit = EditTable(
            job_id=row.job_id,
            version=row.version,
            user_id=user_id,
            undoes=undoes,
            before=_side(difference.before),
            after=after,
            names={label: list(names) for label, names in difference.names.items()},
            created_at=clock.now(),
        )
        repository.add_edit(session, edit)
        return row.version

    def difference(self, session: Session, job_id: str, version: int) -> Difference | None:
        """What the edit changed that made ``version``; None where there is no such edit."""
        edit = repository.edit(session, job_id, version)
        return None if edit is None else self.read(edit)

    def differences_since(self, session: Session, job_id: str, version: int) -> list[Difference]:
        """What the edits after ``version`` changed, oldest first."""
        return [self.read(edit) for edit in repository.edits_since(session, job_id, version)]

    def read(self, edit: EditTable) -> Difference:
        """What an edit changed."""

        def side(kept: Json) -> dict[int, Segment | None]:
            return {int(number): said and _read(said) for number, said in kept.items()}

        names = {label: (before, after) for label, (before, after) in edit.names.items()}
        return Difference(side(edit.before), side(edit.after), names)

    def history(
        self, session: Session, job_id: str, before: int | None, limit: int, after: int = 0
    ) -> Sequence[tuple[EditTable, str | None]]:
        """The newest edits, between the versions ``after`` and ``before``, each with who made it."""
        return repository.edits(session, job_id, before, limit, after)


def _row(job_id: str, position: int, segment: Segment) -> Json:
    return {"job_id": job_id, "position": position, **_kept(segment)}


def _kept(segment: Segment) -> Json:
    return {
        "start": segment.start,
        "end": segment.end,
        "speaker": segment.speaker,
        "language": segment.language,
        "text": segment.text,
        "confidence": segment.confidence,
        "words": segment_json(segment)["words"],
        "quality": segment.quality and asdict(segment.quality),
    }


def _shown(row: Row[Any]) -> bytes:
    head = to_json({"id": row.position, **without_words(row)})
    return b'%s,"words":%s}' % (head[:-1], row.words.encode())


def _read(kept: Json) -> Segment:
    return Segment(
        start=kept["start"],
        end=kept["end"],
        text=kept["text"],
        confidence=kept["confidence"],
        speaker=kept["speaker"],
        language=kept["language"],
        quality=Quality(**kept["quality"]) if kept["quality"] else None,
        words=tuple(
            Word(word["start_time"], word["end_time"], word["text"], word["confidence"])
            for word in kept["words"]
        ),
    )


def _side(segments: Mapping[int, Segment | None]) -> Json:
    """One side of a difference as it is kept."""
    return {str(number): said and _kept(said) for number, said in segments.items()}
