"""Who there is, and who owns the machine."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import UserTable
from tiro.errors import Conflict, InvalidRequest, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.users import repository
from tiro.kit import clock
from tiro.kit.ids import uuid7

_OWNER = "owner"
MAX_NAME = 100
NAME_SHAPE: dict[str, Any] = {"minLength": 1, "maxLength": MAX_NAME, "pattern": r"^\S(.*\S)?$"}
"""What the OpenAPI document says of names; only what can be printed is not to be said there."""


class Role(StrEnum):
    ADMIN = "admin"
    USER = "user"


class UserService:
    """Users. The first admin is the machine's owner, and is made when first needed, so that one person on one
    machine is never asked for an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def owner(self, session: Session) -> UserTable:
        """The machine's owner, made where there is none. ``session`` must be a writing one."""
        return repository.first(session, Role.ADMIN) or _made(session, _OWNER, Role.ADMIN)

    def find(self, session: Session, name: str) -> UserTable | None:
        return repository.by_name(session, unicodedata.normalize("NFC", name))

    def named(self, session: Session, name: str) -> UserTable:
        """Raises NotFound where nobody has this name."""
        user = self.find(session, name)
        if user is None:
            raise NotFound(f"There is no user named {name}. `tiro users list` shows them.")
        return user

    def by_id(self, session: Session, user_id: str) -> UserTable:
        """Raises NotFound."""
        user = repository.by_id(session, user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.")
        return user

    def get(self, user_id: str) -> UserTable:
        """Raises NotFound."""
        with self._database.read() as session:
            return self.by_id(session, user_id)

    def create(self, name: str, role: Role = Role.USER) -> UserTable:
        """Raises Conflict where the name is taken, and InvalidRequest where it cannot be one."""
        name = checked_name(name)
        with self._database.write() as session:
            self.owner(session)
            if repository.by_name(session, name) is not None:
                raise Conflict(f"There is already a user named {name}.")
            return _made(session, name, role)

    def register(self, session: Session, wish: str) -> UserTable:
        """A new user for somebody who came of themselves, named as they wish: without what a name cannot
        have, and with a number where somebody has that name. ``session`` must be a writing one."""
        self.owner(session)
        plain = "".join(letter for letter in unicodedata.normalize("NFC", wish) if letter.isprintable())
        name = base = plain.strip()[: MAX_NAME - 10].strip() or "user"
        number = 1
        while repository.by_name(session, name) is not None:
            number += 1
            name = f"{base} {number}"
        return _made(session, name, Role.USER)

    def list(self) -> Sequence[UserTable]:
        """In the order of their making."""
        with self._database.read() as session:
            return repository.everyone(session)


def checked_name(name: str) -> str:
    """A name of a user or a group, as it is kept; raises InvalidRequest where it cannot be one."""
    name = unicodedata.normalize("NFC", name)
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise InvalidRequest(f"A name has 1 to {MAX_NAME} printable characters, with no space at its ends.")
    return name


def _made(session: Session, name: str, role: Role) -> UserTable:
    user = UserTable(id=str(uuid7()), name=name, role=role, created_at=clock.now())
    repository.add(session, user)
    record(session, Action.USER_CREATED, user.id, owner=user.id, name=name, role=role.value)
    return user
