"""Make groups, and say who is in them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import GroupTable
from tiro.errors import Conflict, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.groups import repository
from tiro.features.users.service import UserService, checked_name
from tiro.kit import clock
from tiro.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    created_at: datetime
    members: tuple[Member, ...] = ()


class GroupService:
    """Groups. Whoever leaves one loses at once what is shared with it."""

    def __init__(self, database: Database, users: UserService) -> None:
        self._database = database
        self._users = users

    def list(self) -> list[Group]:
        """In the order of their names, as are the members of each."""
        with self._database.read() as session:
            groups = repository.everyone(session)
            members: dict[str, list[Member]] = defaultdict(list)
            for group_id, user_id, name in repository.members(session):
                members[group_id].append(Member(user_id, name))
        return [Group(row.id, row.name, row.created_at, tuple(members[row.id])) for row in groups]

    def create(self, name: str) -> Group:
        """Raises Conflict where the name is taken, and InvalidRequest where it cannot be one."""
        row = GroupTable(id=str(uuid7()), name=checked_name(name), created_at=clock.now())
        with self._database.write() as session:
            if repository.by_name(session, row.name) is not None:
                raise Conflict(f"There is already a group named {row.name}.")
            repository.add(session, row)
            record(session, Action.GROUP_CREATED, row.id, name=row.name)
        return Group(row.id, row.name, row.created_at)

    def remove(self, group_id: str) -> None:
        """With all that is shared with it. Raises NotFound."""
        with self._database.write() as session:
            if not repository.remove(session, group_id):
                raise _no_group()
            record(session, Action.GROUP_REMOVED, group_id)

    def add_member(self, group_id: str, user_id: str) -> None:
        """Raises NotFound where there is no such group or user."""
        with self._database.write() as session:
            if repository.by_id(session, group_id) is None:
                raise _no_group()
            self._users.by_id(session, user_id)
            repository.add_member(session, group_id, user_id)
            record(session, Action.GROUP_MEMBER_ADDED, group_id, owner=user_id, user_id=user_id)

    def remove_member(self, group_id: str, user_id: str) -> None:
        """Raises NotFound where they are no member."""
        with self._database.write() as session:
            if not repository.remove_member(session, group_id, user_id):
                raise NotFound("There is no such member of this group.")
            record(session, Action.GROUP_MEMBER_REMOVED, group_id, owner=user_id, user_id=user_id)

    def find(self, session: Session, name: str) -> GroupTable | None:
        return repository.by_name(session, unicodedata.normalize("NFC", name))


def _no_group() -> NotFound:
    return NotFound("There is no group with this id.")
