"""Rows of users."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tiro.db.tables import UserTable


def add(session: Session, user: UserTable) -> None:
    session.add(user)
    session.flush()


def by_name(session: Session, name: str) -> UserTable | None:
    return session.scalar(select(UserTable).where(UserTable.name == name))


def by_id(session: Session, user_id: str) -> UserTable | None:
    return session.get(UserTable, user_id)


def everyone(session: Session) -> Sequence[UserTable]:
    return session.scalars(select(UserTable).order_by(UserTable.id)).all()


def first(session: Session, role: str) -> UserTable | None:
    return session.scalar(select(UserTable).where(UserTable.role == role).order_by(UserTable.id).limit(1))
