"""Write deeds down, show them, and forget them when they are old."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from tiro import actors
from tiro.db.session import Database
from tiro.db.tables import AuditTable
from tiro.errors import InvalidRequest
from tiro.features.audit import repository
from tiro.features.audit.actions import GROUPS, Action
from tiro.features.audit.repository import Wanted
from tiro.features.audit.schemas import Entries, Entry, EntryActor
from tiro.kit import clock

__all__ = ["Action", "AuditService", "Detail", "Wanted", "record"]

Detail = str | int | float | bool | list[str] | None
_BATCH = 1000


def record(
    session: Session,
    action: Action,
    target: str | None = None,
    *,
    owner: str | None = None,
    **details: Detail,
) -> None:
    """Write down what the one who is at work (``tiro.actors``) does, in the transaction of the deed itself:
    both happen, or neither.

    Args:
        target: the id of what it is done to.
        owner: the id of the user to whom that belongs, who may read the entry too.
        details: what is worth knowing years later: names, numbers and ids; never a secret, nor anything that
            was said, nor what a recording is called.
    """
    actor = actors.current()
    row = AuditTable(
        at=clock.now(),
        action=action,
        kind=actor.kind,
        name=actor.name,
        user_id=actor.user_id,
        key_id=actor.key_id,
        address=actor.address,
        request_id=actor.request_id,
        target=target,
        owner_id=owner,
        details=details,
    )
    repository.add(session, row)


class AuditService:
    """The audit log.

    Args:
        days: how long entries are kept.
    """

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days

    def check(self, wanted: Wanted) -> None:
        """Raises InvalidRequest where there are no such actions."""
        action = wanted.action
        if action is not None and action not in {*GROUPS, *Action}:
            raise InvalidRequest(f"There is no action {action!r}. docs/reference/audit.md lists them.")

    def page(self, wanted: Wanted, limit: int) -> Entries:
        """Newest first. Raises InvalidRequest where there are no such actions."""
        self.check(wanted)
        with self._database.read() as session:
            rows = repository.page(session, wanted, limit + 1)
            items = [_entry(row, user) for row, user in rows[:limit]]
        return Entries(items=items, next=items[-1].seq if len(rows) > limit else None)

    def concerning(self, user_id: str, before: int | None, limit: int) -> Entries:
        """What a user did, and what was done to them and theirs. Of another user no more than who it was is
        told."""
        found = self.page(Wanted(concerns=user_id, before=before), limit)
        for entry in found.items:
            if entry.actor.user_id not in {None, user_id}:
                entry.request_id = None
                entry.actor.name = entry.actor.key_id = entry.actor.address = None
        return found

    def every(self, wanted: Wanted) -> Iterator[Entry]:
        """All of them, newest first, read page by page."""
        while True:
            found = self.page(wanted, _BATCH)
            yield from found.items
            if found.next is None:
                return
            wanted = replace(wanted, before=found.next)

    def removed(self, recording_ids: Sequence[str]) -> set[str]:
        """Those of the recordings that were deleted or purged, as far back as the log goes."""
        gone = [Action.RECORDING_DELETED, Action.RECORDING_PURGED]
        with self._database.read() as session:
            return {
                found
                for start in range(0, len(recording_ids), _BATCH)
                for found in repository.with_action(session, recording_ids[start : start + _BATCH], gone)
            }

    def sweep(self) -> bool:
        """Delete a batch of what is too old, and write that down; True where there may be more."""
        before = clock.now() - timedelta(days=self._days)
        with self._database.write() as session:
            count = repository.prune(session, before, _BATCH)
            if count:
                record(session, Action.AUDIT_PRUNED, count=count, before=before.isoformat())
        return count >= _BATCH


def _entry(row: AuditTable, user: str | None) -> Entry:
    return Entry(
        seq=row.seq,
        at=row.at,
        action=row.action,
        actor=EntryActor.model_validate(
            {
                "kind": row.kind,
                "name": _shown(row.name),
                "user_id": row.user_id,
                "user": _shown(user),
                "key_id": row.key_id,
                "address": _shown(row.address),
            }
        ),
        target=row.target,
        owner_id=row.owner_id,
        request_id=row.request_id,
        details=_shown(row.details),
    )


def _shown(value: Any) -> Any:
    """As harmless text: line ends, control characters and marks that turn the direction are spelt out."""
    match value:
        case str():
            return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
        case list():
            return [_shown(item) for item in value]
        case dict():
            return {_shown(key): _shown(item) for key, item in value.items()}
    return value
