"""Rows of uploads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from tiro.db import moment
from tiro.db.tables import UploadTable
from tiro.db.tables.base import Json


def add(session: Session, upload: UploadTable) -> None:
    session.add(upload)


def get(session: Session, upload_id: str) -> UploadTable | None:
    return session.get(UploadTable, upload_id)


def announced(session: Session, owner_id: str, token: str) -> UploadTable | None:
    """The owner's upload that was announced under this Idempotency-Key."""
    asked = select(UploadTable).where(UploadTable.owner_id == owner_id, UploadTable.token == token)
    return session.scalar(asked)


def unfinished(session: Session) -> Sequence[UploadTable]:
    return session.scalars(select(UploadTable).where(UploadTable.finished_at.is_(None))).all()


def choose_recording(session: Session, upload_id: str, recording_id: str) -> bool:
    """False where another has chosen already."""
    free = UploadTable.recording_id.is_(None), UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *free, recording_id=recording_id)


def withdraw_recording(session: Session, upload_id: str, recording_id: str) -> bool:
    """Undo a choice that nothing has come of; False where something has, or another did this."""
    chosen = UploadTable.recording_id == recording_id, UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *chosen, recording_id=None)


def finish(session: Session, upload_id: str, recording_id: str, at: datetime) -> bool:
    """False where the upload has another recording by now, or has ended."""
    chosen = UploadTable.recording_id == recording_id, UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *chosen, finished_at=at)


def tell_length(session: Session, upload_id: str, length: int) -> bool:
    """False where it has been told already, or the upload has ended."""
    open_still = UploadTable.length.is_(None), UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *open_still, length=length)


def cut_off(session: Session, upload_id: str, length: int) -> bool:
    """Its end is where it is now; False where it has ended, or is being made a recording."""
    open_still = UploadTable.recording_id.is_(None), UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *open_still, length=length)


def grant(session: Session, upload_id: str, granted: int) -> None:
    _change(session, upload_id, granted=granted)


def describe(session: Session, upload_id: str, sent_metadata: str) -> bool:
    """Other metadata; False where the upload has ended, or is being made a recording."""
    open_still = UploadTable.recording_id.is_(None), UploadTable.finished_at.is_(None)
    return _change(session, upload_id, *open_still, sent_metadata=sent_metadata)


def refuse(session: Session, upload_id: str, at: datetime, error: Json) -> None:
    _change(session, upload_id, UploadTable.finished_at.is_(None), finished_at=at, error=error)


def claim(session: Session, upload_id: str, holder: str, seconds: float) -> bool:
    """False where another holds it, or there is no such upload."""
    now, until = moment.after(session, 0.0), moment.after(session, seconds)
    free = or_(UploadTable.holder.is_(None), UploadTable.held_until < now)
    return _change(session, upload_id, free, holder=holder, held_until=until, wanted=False)


def want(session: Session, upload_id: str) -> bool:
    """Ask whoever holds it to give way; False where there is no such upload."""
    return _change(session, upload_id, wanted=True)


def exists(session: Session, upload_id: str) -> bool:
    return session.scalar(select(UploadTable.id).where(UploadTable.id == upload_id)) is not None


def renew(session: Session, upload_id: str, holder: str, seconds: float) -> None:
    _change(session, upload_id, UploadTable.holder == holder, held_until=moment.after(session, seconds))


def is_held(session: Session, upload_id: str, holder: str) -> bool:
    """Whether this holder has it, and nobody wants it."""
    wished = select(UploadTable.id).where(
        UploadTable.id == upload_id, or_(UploadTable.holder != holder, UploadTable.wanted)
    )
    return session.scalar(wished) is None


def release(session: Session, upload_id: str, holder: str) -> None:
    _change(session, upload_id, UploadTable.holder == holder, holder=None, held_until=None, wanted=False)


def remove(session: Session, upload_id: str) -> None:
    session.execute(delete(UploadTable).where(UploadTable.id == upload_id))


def remove_finished(session: Session, before: datetime) -> None:
    session.execute(delete(UploadTable).where(UploadTable.finished_at < before))


def _change(session: Session, upload_id: str, *only: ColumnElement[bool], **values: object) -> bool:
    change = update(UploadTable).where(UploadTable.id == upload_id, *only).values(**values)
    result = session.execute(change, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount > 0
