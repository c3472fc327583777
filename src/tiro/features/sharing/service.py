"""Share recordings with people, with groups, and with whoever has a link."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import ShareLinkTable, ShareTable
from tiro.errors import InvalidRequest, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.groups.service import GroupService
from tiro.features.sharing import repository
from tiro.features.sharing.access import Access, Role
from tiro.features.sharing.repository import Shared
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.kit.ids import uuid7


class SharingService:
    """Who may see a recording beside its owner. Whether the caller may share it is for the caller to check.

    Nothing is remembered between requests: what is taken back is closed to the next one.
    """

    def __init__(self, database: Database, users: UserService, groups: GroupService) -> None:
        self._database = database
        self._users = users
        self._groups = groups

    def access(self, session: Session, recording_id: str, user_id: str) -> Access | None:
        """What the user may do with another's recording; of several shares the widest counts."""
        found = map(Access.of_role, repository.roles(session, recording_id, user_id))
        return max(found, default=None)

    def access_of_reader(
        self, session: Session, recording_id: str, owner_id: str, reader_id: str | None
    ) -> Access:
        """What somebody may do who may read; whoever has a link, None, may do no more."""
        if reader_id is None:
            return Access.VIEWER
        if reader_id == owner_id:
            return Access.OWNER
        return self.access(session, recording_id, reader_id) or Access.VIEWER

    def groups_of(self, session: Session, user_id: str) -> Sequence[str]:
        """The ids of the groups that the user is in."""
        return repository.groups_of(session, user_id)

    def shares(self, recording_id: str) -> Sequence[Shared]:
        with self._database.read() as session:
            return repository.shares(session, recording_id)

    def share(
        self, recording_id: str, owner_id: str, *, user: str | None, group: str | None, role: Role
    ) -> Shared:
        """Share with a user or a group, by name; done again, it changes the role.

        Raises:
            InvalidRequest: there is none of this name, or it is the owner.
        """
        if (user is None) == (group is None):
            raise InvalidRequest("Name a user or a group, one of the two.")
        row = ShareTable(
            id=str(uuid7()), recording_id=recording_id, owner_id=owner_id, role=role, created_at=clock.now()
        )
        with self._database.write() as session:
            _owner(session, recording_id)
            if user is not None:
                row.user_id = self._user(session, user, owner_id)
            elif group is not None:
                row.group_id = self._group(session, group)
            kept = repository.put(session, row)
            told: dict[str, str] = (
                {"user_id": row.user_id} if row.user_id else {"group_id": row.group_id or ""}
            )
            record(session, Action.SHARE_CREATED, recording_id, owner=owner_id, role=role, **told)
        return Shared(kept.id, user, group, kept.role, kept.created_at)

    def unshare(self, recording_id: str, share_id: str) -> None:
        """Raises NotFound where the recording has no such share."""
        with self._database.write() as session:
            if not repository.remove(session, recording_id, share_id):
                raise NotFound("This recording has no share with this id.")
            owner_id = _owner(session, recording_id)
            record(session, Action.SHARE_REMOVED, recording_id, owner=owner_id, share_id=share_id)

    def links(self, recording_id: str) -> Sequence[ShareLinkTable]:
        with self._database.read() as session:
            return repository.links(session, recording_id)

    def make_link(self, recording_id: str, expires_at: datetime | None) -> tuple[ShareLinkTable, str]:
        """A new link: its row, and the token that nobody can show again.

        Raises:
            InvalidRequest: the expiry is past.
        """
        now = clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest("A link must expire in the future.")
        token = secrets.token_urlsafe(32)
        row = ShareLinkTable(
            id=str(uuid7()),
            recording_id=recording_id,
            digest=_digest(token),
            created_at=now,
            expires_at=expires_at,
        )
        with self._database.write() as session:
            owner_id = _owner(session, recording_id)
            repository.add_link(session, row)
            record(
                session,
                Action.SHARE_LINK_CREATED,
                recording_id,
                owner=owner_id,
                link_id=row.id,
                expires_at=expires_at.isoformat() if expires_at else None,
            )
        return row, token

    def revoke_link(self, recording_id: str, link_id: str) -> None:
        """Raises NotFound where the recording has no such link."""
        with self._database.write() as session:
            if not repository.remove_link(session, recording_id, link_id):
                raise NotFound("This recording has no link with this id.")
            owner_id = _owner(session, recording_id)
            record(session, Action.SHARE_LINK_REVOKED, recording_id, owner=owner_id, link_id=link_id)

    def opened_by(self, token: str) -> str:
        """The id of the recording that the link opens. Raises NotFound where it is unknown, revoked or
        expired, or its owner is disabled."""
        with self._database.read() as session:
            recording_id = repository.opened(session, _digest(token), clock.now())
        if recording_id is None:
            raise NotFound("This link opens nothing, or nothing any more. Ask for another.")
        return recording_id

    def _user(self, session: Session, name: str, owner_id: str) -> str:
        user = self._users.find(session, name)
        if user is None:
            raise InvalidRequest("user: there is nobody of this name.")
        if user.id == owner_id:
            raise InvalidRequest("user: the recording is theirs.")
        return user.id

    def _group(self, session: Session, name: str) -> str:
        group = self._groups.find(session, name)
        if group is None:
            raise InvalidRequest("group: there is none of this name. GET /api/v1/groups lists them.")
        return group.id


def _owner(session: Session, recording_id: str) -> str:
    """Whose recording it is. It may have been deleted since the caller's right was checked."""
    if (owner_id := repository.owner_of(session, recording_id)) is None:
        raise NotFound("There is no recording with this id.")
    return owner_id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
