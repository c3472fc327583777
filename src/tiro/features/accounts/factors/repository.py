"""Rows of second factors and of recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import RecoveryCodeTable, SecondFactorTable


def find(session: Session, user_id: str) -> SecondFactorTable | None:
    """Confirmed or not."""
    return session.get(SecondFactorTable, user_id)


def put(session: Session, row: SecondFactorTable) -> None:
    """In place of one that is there."""
    session.merge(row)


def remove(session: Session, user_id: str) -> None:
    """The app, and the codes that stand in for it."""
    session.execute(delete(SecondFactorTable).where(SecondFactorTable.user_id == user_id))
    session.execute(delete(RecoveryCodeTable).where(RecoveryCodeTable.user_id == user_id))


def use_step(session: Session, user_id: str, step: int) -> bool:
    """Use up the code of a period, with those before it; False where another request was first."""
    table = SecondFactorTable
    change = update(table).where(table.user_id == user_id, table.step < step)
    change = change.values(step=step, failures=0, blocked_until=None)
    return session.scalar(change.returning(table.user_id)) is not None


def count_failure(session: Session, user_id: str) -> int:
    """How many there are now."""
    table = SecondFactorTable
    change = update(table).where(table.user_id == user_id).values(failures=table.failures + 1)
    return session.scalar(change.returning(table.failures)) or 0


def block(session: Session, user_id: str, until: datetime) -> None:
    """No code of the app is looked at before."""
    change = update(SecondFactorTable).where(SecondFactorTable.user_id == user_id)
    session.execute(change.values(blocked_until=until))


def forgive(session: Session, user_id: str) -> None:
    """Forget the wrong codes."""
    change = update(SecondFactorTable).where(SecondFactorTable.user_id == user_id)
    session.execute(change.values(failures=0, blocked_until=None))


def replace_recovery(session: Session, user_id: str, digests: Iterable[str]) -> None:
    session.execute(delete(RecoveryCodeTable).where(RecoveryCodeTable.user_id == user_id))
    session.add_all(RecoveryCodeTable(digest=digest, user_id=user_id) for digest in digests)


def take_recovery(session: Session, digest: str) -> bool:
    taken = delete(RecoveryCodeTable).where(RecoveryCodeTable.digest == digest)
    return session.scalar(taken.returning(RecoveryCodeTable.user_id)) is not None


def recovery_left(session: Session, user_id: str) -> int:
    count = select(func.count()).where(RecoveryCodeTable.user_id == user_id)
    return session.scalar(count) or 0


def everyone(session: Session) -> frozenset[str]:
    """The ids of the users who have one."""
    chosen = select(SecondFactorTable.user_id).where(SecondFactorTable.confirmed_at.is_not(None))
    return frozenset(session.scalars(chosen))
