"""Rows of groups and of their members."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tiro.db.tables import GroupTable, MemberTable, UserTable


def add(session: Session, group: GroupTable) -> None:
    session.add(group)
    session.flush()


def by_id(session: Session, group_id: str) -> GroupTable | None:
    return session.get(GroupTable, group_id)


def by_name(session: Session, name: str) -> GroupTable | None:
    return session.scalar(select(GroupTable).where(GroupTable.name == name))


def everyone(session: Session) -> Sequence[GroupTable]:
    """In the order of names: of their characters, whatever the database's own alphabet is."""
    return sorted(session.scalars(select(GroupTable)), key=lambda group: group.name)


def members(session: Session) -> Sequence[tuple[str, str, str]]:
    """Of all groups: the group's id, and the member's id and name, in the order of names."""
    query = select(MemberTable.group_id, UserTable.id, UserTable.name).join(
        UserTable, UserTable.id == MemberTable.user_id
    )
    return sorted(session.execute(query).tuples(), key=lambda member: member[2])


def remove(session: Session, group_id: str) -> bool:
    """False where there is no such group."""
    gone = delete(GroupTable).where(GroupTable.id == group_id).returning(GroupTable.id)
    return session.scalar(gone) is not None


def add_member(session: Session, group_id: str, user_id: str) -> None:
    """Nothing changes where they are one."""
    session.merge(MemberTable(group_id=group_id, user_id=user_id))


def remove_member(session: Session, group_id: str, user_id: str) -> bool:
    """False where they are none."""
    gone = (
        delete(MemberTable)
        .where(MemberTable.group_id == group_id, MemberTable.user_id == user_id)
        .returning(MemberTable.user_id)
    )
    return session.scalar(gone) is not None
