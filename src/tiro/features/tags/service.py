"""Put tags to recordings, and find them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from tiro.db.tables import RecordingTable
from tiro.errors import InvalidRequest
from tiro.features.tags import repository
from tiro.speech.words import clean

MOST = 50
"""Of one recording."""

LONGEST = 50
"""Characters of one tag."""


class TagService:
    """Tags. All methods take the caller's session and belong to its transaction."""

    def of(self, session: Session, recording_ids: Iterable[str]) -> dict[str, list[str]]:
        """The tags of some recordings, by their ids, in the order of the alphabet."""
        return repository.of(session, recording_ids)

    def put(self, session: Session, recording: RecordingTable, names: Sequence[str]) -> None:
        """Give a recording these tags and no others. Two that differ in case alone are one.

        Raises:
            InvalidRequest: one is empty or too long, or there are too many.
        """
        wanted: dict[str, str] = {}
        for name in names:
            wanted.setdefault(folded(name), clean(name))
        if len(wanted) > MOST:
            raise InvalidRequest(f"tags: a recording can have {MOST} at most.")
        repository.put(session, recording, wanted)

    def counted(self, session: Session, owner_id: str) -> Sequence[tuple[str, int]]:
        """All tags of an owner's recordings, and how many have each."""
        return repository.counted(session, owner_id)


def folded(name: str) -> str:
    """By which two tags are the same. Raises InvalidRequest where it is none."""
    text = clean(name)
    if not text or len(text) > LONGEST:
        raise InvalidRequest(f"tags: a tag has 1 to {LONGEST} characters.")
    return text.casefold()
