"""Rows of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import KeyTable, UserTable


class ValidKey(NamedTuple):
    id: str
    owner_id: str
    name: str
    scopes: str
    expires_at: datetime | None
    role: str


# Built once, for it runs with every request.
_VALID = (
    select(
        KeyTable.id, KeyTable.owner_id, KeyTable.name, KeyTable.scopes, KeyTable.expires_at, UserTable.role
    )
    .join(UserTable, UserTable.id == KeyTable.owner_id)
    .where(
        KeyTable.digest == bindparam("digest"),
        KeyTable.revoked_at.is_(None),
        UserTable.disabled_at.is_(None),
        or_(KeyTable.expires_at.is_(None), KeyTable.expires_at > bindparam("now")),
    )
)
_USED = update(KeyTable).where(KeyTable.id == bindparam("key")).values(used_at=bindparam("at"))


def add(session: Session, key: KeyTable) -> None:
    session.add(key)


def valid(session: Session, digest: str, now: datetime) -> ValidKey | None:
    """The key that is neither revoked nor expired, and the role of whose it is."""
    row = session.execute(_VALID, {"digest": digest, "now": now}).one_or_none()
    return None if row is None else ValidKey(*row)


def of_user(session: Session, user_id: str) -> Sequence[KeyTable]:
    chosen = select(KeyTable).where(KeyTable.owner_id == user_id)
    return session.scalars(chosen.order_by(KeyTable.created_at)).all()


def everyone(session: Session) -> Sequence[KeyTable]:
    return session.scalars(select(KeyTable).order_by(KeyTable.created_at)).all()


def revoke(session: Session, key_id: str, at: datetime, user_id: str | None = None) -> str | None:
    """Returns whose key it was; None where there is no such valid key.

    Args:
        user_id: only where the key is theirs.
    """
    change = update(KeyTable).where(KeyTable.id == key_id, KeyTable.revoked_at.is_(None))
    if user_id is not None:
        change = change.where(KeyTable.owner_id == user_id)
    return session.scalar(change.values(revoked_at=at).returning(KeyTable.owner_id))


def note_uses(session: Session, uses: Mapping[str, datetime]) -> None:
    """``uses``: when each key, by its id, was used last."""
    session.connection().execute(_USED, [{"key": key_id, "at": at} for key_id, at in sorted(uses.items())])
