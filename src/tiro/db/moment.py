"""The time by which leases run: the database's, so that no machine's wrong clock ends or prolongs one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, literal, select, type_coerce
from sqlalchemy.orm import Session

from tiro.db.tables.base import UtcDateTime
from tiro.kit import clock


def now(session: Session) -> datetime:
    """The present moment. On SQLite all who share the database share this machine's clock."""
    if _is_sqlite(session):
        return clock.now()
    found = session.scalar(select(after(session, 0.0)))
    assert found is not None
    return found


def after(session: Session, seconds: float) -> ColumnElement[datetime]:
    """The moment in ``seconds`` from now, for use in a statement: there it costs no trip of its own."""
    if _is_sqlite(session):
        return literal(clock.now() + timedelta(seconds=seconds), UtcDateTime)
    # Not `now()`, which is when the transaction began: it may have waited for a lock since.
    later: ColumnElement[datetime] = func.clock_timestamp() + timedelta(seconds=seconds)
    return type_coerce(later, UtcDateTime)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
