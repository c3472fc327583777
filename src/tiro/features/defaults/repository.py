"""Rows of users' defaults."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tiro.db.tables import TranscriptionDefaultsTable


def of_user(session: Session, user_id: str) -> TranscriptionDefaultsTable | None:
    return session.get(TranscriptionDefaultsTable, user_id)


def keep(session: Session, row: TranscriptionDefaultsTable) -> None:
    session.merge(row)
