"""Rows of downloads. Each change is one statement that names the attempt it is of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Executable, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.tables import ModelDownloadTable as Row

ALIVE_SECONDS = 20.0
"""For how long a download is believed to go on after its last sign of life."""


@dataclass(frozen=True, slots=True)
class Download:
    """One that goes on, or broke off: then ``alive`` is false. ``error`` is null where its server died."""

    host: str
    done: int
    total: int | None
    error: str | None
    started_at: datetime
    alive: bool


def downloads(session: Session) -> dict[str, Download]:
    """By the names of their models."""
    fresh = (Row.error.is_(None) & (Row.seen_at > moment.after(session, -ALIVE_SECONDS))).label("alive")
    columns = Row.name, Row.host, Row.done, Row.total, Row.error, Row.started_at, fresh
    return {row[0]: Download(*row[1:]) for row in session.execute(select(*columns)).tuples()}


def begin(session: Session, name: str, holder: str, host: str) -> bool:
    """Whether the download is ``holder``'s now: it is nobody else's who is alive. The caller's transaction
    is the only one that writes."""
    over = or_(Row.error.is_not(None), Row.seen_at <= moment.after(session, -ALIVE_SECONDS))
    session.execute(delete(Row).where(Row.name == name, over))
    if session.get(Row, name) is not None:
        return False
    at = moment.now(session)
    values = {"done": 0, "total": None, "error": None, "started_at": at, "seen_at": at}
    session.execute(insert(Row).values(name=name, holder=holder, host=host, **values))
    return True


def progress(session: Session, name: str, holder: str, done: int, total: int | None) -> bool:
    """A sign of life. False where the download is not ``holder``'s any more: somebody stopped it."""
    mine = update(Row).where(Row.name == name, Row.holder == holder)
    return _one(session, mine.values(done=done, total=total, seen_at=moment.after(session, 0)))


def fail(session: Session, name: str, holder: str, error: str) -> None:
    session.execute(update(Row).where(Row.name == name, Row.holder == holder).values(error=error))


def end(session: Session, name: str, holder: str) -> None:
    session.execute(delete(Row).where(Row.name == name, Row.holder == holder))


def stop(session: Session, name: str) -> bool:
    """Whether there was one that went on."""
    fresh = Row.error.is_(None) & (Row.seen_at > moment.after(session, -ALIVE_SECONDS))
    return _one(session, delete(Row).where(Row.name == name, fresh))


def forget(session: Session, name: str) -> None:
    session.execute(delete(Row).where(Row.name == name))


def all_over(session: Session) -> None:
    """None goes on any more."""
    session.execute(update(Row).values(seen_at=moment.after(session, -2 * ALIVE_SECONDS)))


def _one(session: Session, statement: Executable) -> bool:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
