"""The time by which leases run: the database's, so that no machine's wrong clock ends or prolongs one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, func, select, type_coerce
from sqlalchemy.orm import Session

from tiro.db.tables.base import UtcDateTime
from tiro.kit import clock

_SQLITE = "sqlite"


def now(session: Session) -> datetime:
    """The present moment. On SQLite all who share the database share this machine's clock."""
    if _is_sqlite(session):
        return clock.now()
    found = session.scalar(select(after(session, 0.0)))
    assert found is not None
    return found


def after(session: Session, seconds: float) -> ColumnElement[datetime]:
    """The moment in ``seconds`` from now, for use in a statement: there it costs no trip of its own."""
    return later(session.get_bind().dialect.name, seconds)


def later(database: str, seconds: float) -> ColumnElement[datetime]:
    """The same for a statement that is built once and used often, on this kind of database: it is reckoned
    from when the statement is carried out."""
    if database == _SQLITE:
        return bindparam(
            None, callable_=lambda: clock.now() + timedelta(seconds=seconds), type_=UtcDateTime(), unique=True
        )
    # Not `now()`, which is when the transaction began: it may have waited for a lock since.
    moment: ColumnElement[datetime] = func.clock_timestamp() + timedelta(seconds=seconds)
    return type_coerce(moment, UtcDateTime)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == _SQLITE
