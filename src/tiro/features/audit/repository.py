"""Rows of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, delete, or_, select
from sqlalchemy.orm import Session

from tiro.actors import ActorKind
from tiro.db.tables import AuditTable, UserTable


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; None where it does not matter.

    Attributes:
        actor: the id of a user or a key, or a kind of actor, such as ``command line``.
        action: a whole name, or its first word.
        concerns: the id of a user who did it, or to whom the target belongs.
        since: entries at this time and later.
        until: entries before it.
        before: entries with a smaller number.
    """

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    concerns: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def add(session: Session, row: AuditTable) -> None:
    session.add(row)


def page(session: Session, wanted: Wanted, limit: int) -> Sequence[Row[tuple[AuditTable, str]]]:
    """Entries, newest first, each with what its user is called (None where it has none)."""
    query = (
        select(AuditTable, UserTable.name)
        .outerjoin(UserTable, UserTable.id == AuditTable.user_id)
        .where(*_conditions(wanted))
        .order_by(AuditTable.seq.desc())
        .limit(limit)
    )
    return session.execute(query).all()


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.actor in set(ActorKind):
        found.append(AuditTable.kind == wanted.actor)
    elif wanted.actor is not None:
        found.append(or_(AuditTable.user_id == wanted.actor, AuditTable.key_id == wanted.actor))
    if wanted.action is not None:
        whole = "." in wanted.action
        family = AuditTable.action.startswith(f"{wanted.action}.", autoescape=True)
        found.append(AuditTable.action == wanted.action if whole else family)
    if wanted.target is not None:
        found.append(AuditTable.target == wanted.target)
    if wanted.concerns is not None:
        found.append(or_(AuditTable.user_id == wanted.concerns, AuditTable.owner_id == wanted.concerns))
    if wanted.since is not None:
        found.append(AuditTable.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditTable.at < wanted.until)
    if wanted.before is not None:
        found.append(AuditTable.seq < wanted.before)
    return found


def prune(session: Session, before: datetime, limit: int) -> int:
    """Delete the oldest entries from before that time, ``limit`` at most; how many there were."""
    oldest = select(AuditTable.seq).where(AuditTable.at < before).order_by(AuditTable.seq).limit(limit)
    gone = session.scalars(delete(AuditTable).where(AuditTable.seq.in_(oldest)).returning(AuditTable.seq))
    return len(gone.all())


def with_action(session: Session, targets: Sequence[str], actions: Sequence[str]) -> set[str]:
    """Those of the targets to which one of these things was done."""
    query = select(AuditTable.target).where(AuditTable.target.in_(targets), AuditTable.action.in_(actions))
    return {target for target in session.scalars(query) if target is not None}
