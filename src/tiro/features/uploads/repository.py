"""Rows of uploads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

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


def choose_recording(session: Session, upload_id: str, recording_id: str) -> None:
    _change(session, upload_id, recording_id=recording_id)


def finish(session: Session, upload_id: str, at: datetime, error: Json | None = None) -> None:
    _change(session, upload_id, finished_at=at, error=error)


def remove(session: Session, upload_id: str) -> None:
    session.execute(delete(UploadTable).where(UploadTable.id == upload_id))


def remove_finished(session: Session, before: datetime) -> None:
    session.execute(delete(UploadTable).where(UploadTable.finished_at < before))


def ids(session: Session) -> set[str]:
    return set(session.scalars(select(UploadTable.id)))


def _change(session: Session, upload_id: str, **values: object) -> None:
    session.execute(update(UploadTable).where(UploadTable.id == upload_id).values(**values))
