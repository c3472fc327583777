"""Rows of identities, and of logins that came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tiro.db.tables import IdentityTable, UsedAttemptTable


def find(session: Session, issuer: str, subject: str) -> IdentityTable | None:
    return session.get(IdentityTable, (issuer, subject))


def add(session: Session, row: IdentityTable) -> None:
    session.add(row)
    session.flush()


def of_user(session: Session, user_id: str) -> Sequence[IdentityTable]:
    chosen = select(IdentityTable).where(IdentityTable.user_id == user_id)
    return session.scalars(chosen.order_by(IdentityTable.created_at)).all()


def remove_all(session: Session, user_id: str) -> None:
    session.execute(delete(IdentityTable).where(IdentityTable.user_id == user_id))


def use_attempt(session: Session, digest: str, expires_at: datetime, now: datetime) -> bool:
    """False where it was used already. Those that nobody could use any more go."""
    session.execute(delete(UsedAttemptTable).where(UsedAttemptTable.expires_at <= now))
    if session.get(UsedAttemptTable, digest) is not None:
        return False
    session.add(UsedAttemptTable(digest=digest, expires_at=expires_at))
    session.flush()
    return True
