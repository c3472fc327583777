"""Rows of tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tiro.db.tables import RecordingTable, TagTable


def of(session: Session, recording_ids: Iterable[str]) -> dict[str, list[str]]:
    """The tags of some recordings, by their ids, in the order of the alphabet."""
    query = select(TagTable.recording_id, TagTable.name, TagTable.folded).where(
        TagTable.recording_id.in_(list(recording_ids))
    )
    found: dict[str, list[str]] = defaultdict(list)
    # Sorted here, for each database has an alphabet of its own.
    for recording_id, name, _ in sorted(session.execute(query).tuples(), key=lambda row: row[2]):
        found[recording_id].append(name)
    return found


def put(session: Session, recording: RecordingTable, names: dict[str, str]) -> None:
    """In the place of all that the recording has; ``names`` by their folded form."""
    session.execute(delete(TagTable).where(TagTable.recording_id == recording.id))
    session.add_all(
        TagTable(recording_id=recording.id, folded=folded, name=name, owner_id=recording.owner_id)
        for folded, name in names.items()
    )


def counted(session: Session, owner_id: str) -> Sequence[tuple[str, int]]:
    """All tags of an owner's recordings, and how many have each."""
    query = (
        select(func.min(TagTable.name), func.count(), TagTable.folded)
        .where(TagTable.owner_id == owner_id)
        .group_by(TagTable.folded)
    )
    return [
        (name, count) for name, count, _ in sorted(session.execute(query).tuples(), key=lambda row: row[2])
    ]
