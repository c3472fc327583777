"""Rows of keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import KeyTable

# Built once, for it runs with every request.
_VALID = select(KeyTable).where(KeyTable.digest == bindparam("digest"), KeyTable.revoked_at.is_(None))


def add(session: Session, key: KeyTable) -> None:
    session.add(key)


def by_digest(session: Session, digest: str) -> KeyTable | None:
    return session.scalar(_VALID, {"digest": digest})


def everyone(session: Session) -> Sequence[KeyTable]:
    return session.scalars(select(KeyTable).order_by(KeyTable.created_at)).all()


def revoke(session: Session, key_id: str, at: datetime) -> bool:
    change = (
        update(KeyTable)
        .where(KeyTable.id == key_id, KeyTable.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(KeyTable.id)
    )
    return session.scalar(change) is not None
