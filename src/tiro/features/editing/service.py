"""Change transcripts, keep who changed what, and take it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import EditTable
from tiro.errors import Conflict, EditConflict, NotFound
from tiro.events.base import EventHub
from tiro.features.audit.service import Action, record
from tiro.features.editing.changes import Change, Merge, Rename, Replace
from tiro.features.editing.draft import Draft, latest, needed, sought, touched, wanted_text
from tiro.features.editing.schemas import Edit, Edited, Edits, EditWish
from tiro.features.jobs.service import JobService
from tiro.features.transcripts.service import Difference, StoredTranscript, TranscriptService
from tiro.speech.result import segment_json
from tiro.speech.types import Segment

_MOST_MISSED = 100
"""Whoever has missed more edits than these reads the whole transcript in less time."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What somebody has missed who knows a former version; ``edits`` are None where they are of no use: the
    former version is another transcript's, or they are too many."""

    version: int
    edits: list[Edit] | None


class EditingService:
    """Edits of finished transcripts. Whether the caller may edit is for the caller to check.

    Every edit is one transaction that no other writer shares: what it read is still so when it writes.
    """

    def __init__(
        self, database: Database, hub: EventHub, jobs: JobService, transcripts: TranscriptService
    ) -> None:
        self._database = database
        self._hub = hub
        self._jobs = jobs
        self._transcripts = transcripts

    def edit(self, recording_id: str, user_id: str, wish: EditWish) -> Edited:
        """Make the changes, as one new version. Edits of other segments since ``wish.version`` do no harm.

        Raises:
            InvalidRequest: a change cannot be made; none was.
            EditConflict: somebody else has changed the same segments since; nothing was changed.
            Conflict: there is no finished transcript.
        """
        with self._database.write() as session:
            transcript = self._current(session, recording_id)
            numbers = self._numbers(session, transcript.job_id, wish.changes)
            now = self._transcripts.numbered(session, transcript.job_id, numbers)
            transcript = replace(transcript, numbered=now)
            since = self._transcripts.differences_since(session, transcript.job_id, wish.version)
            _check_conflicts(transcript, wish, latest(since))
            draft = Draft(transcript)
            for change in wish.changes:
                draft.apply(change)
            return self._keep(session, recording_id, transcript, draft.difference, user_id)

    def undo(self, recording_id: str, user_id: str, version: int) -> Edited:
        """Take back the edit that made ``version``, as one new version; undone in turn, it is there again.

        Raises:
            NotFound: no edit made this version.
            EditConflict: what it changed was changed again since.
            Conflict: there is no finished transcript.
        """
        with self._database.write() as session:
            transcript = self._current(session, recording_id)
            made = self._transcripts.difference(session, transcript.job_id, version)
            if made is None:
                raise NotFound(f"No edit made version {version}; …/edits lists those that there are.")
            now = self._transcripts.numbered(session, transcript.job_id, made.after.keys())
            transcript = replace(transcript, numbered=now)
            changed = [number for number, said in made.after.items() if now.get(number) != said]
            if changed:
                raise _conflict(transcript, {number: _text(made.before.get(number)) for number in changed})
            if any(transcript.speakers.get(label) != name for label, (_, name) in made.names.items()):
                raise _conflict(transcript, {})
            return self._keep(session, recording_id, transcript, made.inverse, user_id, version)

    def history(self, recording_id: str, before: int | None, limit: int) -> Edits:
        """The newest edits of the current transcript, below version ``before``."""
        with self._database.read() as session:
            transcript = self._transcripts.current(session, recording_id, only=())
            if transcript is None:
                return Edits(items=[], next=None)
            found = self._transcripts.history(session, transcript.job_id, before, limit)
            items = [self._edit(edit, name) for edit, name in found]
        return Edits(items=items, next=items[-1].version if len(items) == limit else None)

    def missed(self, recording_id: str, version: int) -> Missed:
        """What was done since a version, oldest first; 0 is that of a transcript that is not finished."""
        with self._database.read() as session:
            transcript = self._transcripts.current(session, recording_id, only=())
            if transcript is None or transcript.version == version:
                return Missed(version if transcript else 0, [])
            if not transcript.first_version <= version < transcript.version:
                return Missed(transcript.version, None)
            found = self._transcripts.history(session, transcript.job_id, None, _MOST_MISSED, version)
            if len(found) < transcript.version - version:
                return Missed(transcript.version, None)
            return Missed(transcript.version, [self._edit(edit, name) for edit, name in reversed(found)])

    def _edit(self, edit: EditTable, name: str | None) -> Edit:
        head = {"version": edit.version, "at": edit.created_at, "by": name, "undoes": edit.undoes}
        return _shown(self._transcripts.read(edit), head)

    def _numbers(self, session: Session, job_id: str, changes: Sequence[Change]) -> Collection[int] | None:
        """The segments to read, None for all. Where one change alone looks for its segments, they are found
        without reading what was said word by word; of several, each depends on what those before it did."""
        match changes:
            case [Rename(speaker=label)]:
                return self._transcripts.some_of(session, job_id, label)
            case [Merge(first=first, second=second)]:
                return {first, second, *self._transcripts.next_to(session, job_id, first)}
            case [Replace(segments=None) as change]:
                texts, wanted = self._transcripts.texts(session, job_id), sought(change)
                return [number for number, text in texts if wanted.search(text)]
        return needed(changes)

    def _current(self, session: Session, recording_id: str) -> StoredTranscript:
        """Without its segments."""
        transcript = self._transcripts.current(session, recording_id, to_change=True, only=())
        if transcript is None:
            state = self._jobs.state(session, recording_id)
            raise Conflict(f"There is no finished transcript to edit; the job is {state}.")
        return transcript

    def _keep(
        self,
        session: Session,
        recording_id: str,
        transcript: StoredTranscript,
        difference: Difference,
        user_id: str,
        undoes: int | None = None,
    ) -> Edited:
        version = transcript.version
        if difference:
            version = self._transcripts.change(session, transcript, difference, user_id, undoes)
            record(
                session,
                Action.RECORDING_EDITED,
                recording_id,
                owner=self._jobs.latest(session, recording_id).user_id,
                version=version,
                segments=len(difference.after),
                undoes=undoes,
            )
            after_commit(session, lambda: self._hub.announce(recording_id))
        names = transcript.speakers | {label: name for label, (_, name) in difference.names.items()}
        changed = {number: said for number, said in difference.after.items() if said is not None}
        return Edited.model_validate(
            {
                "version": version,
                "segments": [_segment(number, changed[number]) for number in _in_time(changed)],
                "removed": [number for number, said in difference.after.items() if said is None],
                "speakers": {label: name for label, name in names.items() if name is not None},
            }
        )


def _check_conflicts(
    transcript: StoredTranscript, wish: EditWish, changed: Mapping[int, Segment | None]
) -> None:
    """Raises EditConflict where others have changed what ``wish`` is about to change.

    A version of another run of the job is one of another transcript, where a number is another segment's.
    """
    if not transcript.first_version <= wish.version <= transcript.version:
        raise _conflict(transcript, {})
    found: dict[int, str | None] = {}
    for change in wish.changes:
        for number in touched(change) & changed.keys():
            found[number] = found.get(number) or wanted_text(change, number)
    if found:
        raise _conflict(transcript, found)


def _conflict(transcript: StoredTranscript, found: Mapping[int, str | None]) -> EditConflict:
    error = EditConflict()
    error.more = {
        "version": transcript.version,
        "conflicts": [
            {"segment": number, "yours": yours, "theirs": _text(transcript.numbered.get(number))}
            for number, yours in found.items()
        ],
    }
    return error


def _text(segment: Segment | None) -> str | None:
    return None if segment is None else segment.text


def _in_time(segments: Mapping[int, Segment]) -> Sequence[int]:
    return sorted(segments, key=lambda number: (segments[number].start, number))


def _segment(number: int, segment: Segment) -> dict[str, object]:
    return {"id": number, **segment_json(segment)}


def _shown(made: Difference, head: dict[str, object]) -> Edit:
    def side(number: int, said: Segment | None) -> dict[str, object] | None:
        return None if said is None else _segment(number, said)

    return Edit.model_validate(
        {
            **head,
            "segments": [
                {"id": number, "before": side(number, made.before.get(number)), "after": side(number, said)}
                for number, said in made.after.items()
            ],
            "names": [
                {"speaker": label, "before": before, "after": after}
                for label, (before, after) in made.names.items()
            ],
        }
    )
