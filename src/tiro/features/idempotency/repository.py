"""Rows of kept answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db.tables import KeptAnswerTable


def alive(session: Session, row_id: str, now: datetime) -> KeptAnswerTable | None:
    return session.scalar(
        select(KeptAnswerTable).where(KeptAnswerTable.id == row_id, KeptAnswerTable.until > now)
    )


def claim(session: Session, now: datetime, **values: Any) -> bool:
    """Begin an attempt where no row is alive; False where one is. Of two at once, one does."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values["answer"] = None
    row = dialect.insert(KeptAnswerTable).values(**values)
    begun = row.on_conflict_do_update(index_elements=["id"], set_=values, where=KeptAnswerTable.until <= now)
    return session.scalar(begun.returning(KeptAnswerTable.id)) is not None


def keep(session: Session, row_id: str, attempt: str, answer: bytes, until: datetime) -> None:
    """Keep its answer, unless the turn is another attempt's by now."""
    session.execute(_of(update(KeptAnswerTable), row_id, attempt).values(answer=answer, until=until))


def lengthen(session: Session, row_id: str, attempt: str, until: datetime) -> None:
    """Lengthen the lease of an attempt that is under way."""
    under_way = _of(update(KeptAnswerTable), row_id, attempt).where(KeptAnswerTable.answer.is_(None))
    session.execute(under_way.values(until=until))


def remove(session: Session, row_id: str, attempt: str) -> None:
    session.execute(_of(delete(KeptAnswerTable), row_id, attempt))


def prune(session: Session, now: datetime, count: int) -> int:
    """Remove at most ``count`` rows that are no longer alive; returns how many."""
    old = select(KeptAnswerTable.id).where(KeptAnswerTable.until <= now).limit(count)
    done = session.execute(delete(KeptAnswerTable).where(KeptAnswerTable.id.in_(old)))
    assert isinstance(done, CursorResult)
    return done.rowcount


def _of(statement: Any, row_id: str, attempt: str) -> Any:
    return statement.where(KeptAnswerTable.id == row_id, KeptAnswerTable.attempt == attempt)
