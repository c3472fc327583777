"""Rows of comments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tiro.db.tables import CommentTable, RecordingTable, UserTable


def add(session: Session, comment: CommentTable) -> None:
    session.add(comment)


def get(session: Session, recording_id: str, comment_id: str) -> CommentTable | None:
    comment = session.get(CommentTable, comment_id)
    return comment if comment is not None and comment.recording_id == recording_id else None


def remove(session: Session, comment: CommentTable) -> None:
    session.delete(comment)


def page(
    session: Session, recording_id: str, after: str | None, limit: int
) -> Sequence[tuple[CommentTable, str | None]]:
    """Oldest first, those after the one with the id ``after``; each with its author's name."""
    query = (
        select(CommentTable, UserTable.name)
        .outerjoin(UserTable, UserTable.id == CommentTable.user_id)
        .where(CommentTable.recording_id == recording_id)
    )
    if after is not None:
        query = query.where(CommentTable.id > after)
    return session.execute(query.order_by(CommentTable.id).limit(limit)).tuples().all()


def count(session: Session, recording_id: str) -> int:
    return session.scalar(select(func.count()).where(CommentTable.recording_id == recording_id)) or 0


def standing(
    session: Session, recording_id: str
) -> tuple[int, int, datetime | None, datetime | None, datetime | None]:
    """How many there are and how many are dealt with, and when last one was made, changed, and dealt with."""
    query = select(
        func.count(),
        func.count(CommentTable.resolved_at),
        func.max(CommentTable.created_at),
        func.max(CommentTable.changed_at),
        func.max(CommentTable.resolved_at),
    ).where(CommentTable.recording_id == recording_id)
    return session.execute(query).tuples().one()


def name_of(session: Session, user_id: str | None) -> str | None:
    return session.scalar(select(UserTable.name).where(UserTable.id == user_id))


def owner_of(session: Session, recording_id: str) -> str | None:
    return session.scalar(select(RecordingTable.owner_id).where(RecordingTable.id == recording_id))
