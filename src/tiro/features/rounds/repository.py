"""Rows of rounds."""

from __future__ import annotations

from sqlalchemy import CursorResult, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.tables import RoundTable


def add(session: Session, name: str) -> None:
    """A round that is due; nothing where it is known."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = dialect.insert(RoundTable).values(name=name, next_at=moment.after(session, 0))
    session.execute(row.on_conflict_do_nothing())


def take(session: Session, name: str, seconds: float) -> bool:
    """Put the next one off, where one is due: of all who try, one succeeds."""
    due = (RoundTable.name == name, RoundTable.next_at <= moment.after(session, 0))
    change = update(RoundTable).where(*due).values(next_at=moment.after(session, seconds))
    result = session.execute(change.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def put_off(session: Session, name: str, seconds: float) -> None:
    change = update(RoundTable).where(RoundTable.name == name)
    session.execute(change.values(next_at=moment.after(session, seconds)))


def all_due(session: Session) -> None:
    session.execute(update(RoundTable).values(next_at=moment.after(session, 0)))
