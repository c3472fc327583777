"""Rows of shares and of links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.orm import Session

from tiro.db.tables import GroupTable, MemberTable, RecordingTable, ShareLinkTable, ShareTable, UserTable


class Shared(NamedTuple):
    """A share, with the name of the user or of the group."""

    id: str
    user: str | None
    group: str | None
    role: str
    created_at: datetime


# Built once, for they run with every request for what is shared.
_ROLES = select(ShareTable.role).where(
    ShareTable.recording_id == bindparam("recording"),
    or_(
        ShareTable.user_id == bindparam("user"),
        ShareTable.group_id.in_(select(MemberTable.group_id).where(MemberTable.user_id == bindparam("user"))),
    ),
)
_OPENED = (
    select(ShareLinkTable.recording_id)
    .join(RecordingTable, RecordingTable.id == ShareLinkTable.recording_id)
    .join(UserTable, UserTable.id == RecordingTable.owner_id)
    .where(
        ShareLinkTable.digest == bindparam("digest"),
        or_(ShareLinkTable.expires_at.is_(None), ShareLinkTable.expires_at > bindparam("now")),
        UserTable.disabled_at.is_(None),
    )
)


def roles(session: Session, recording_id: str, user_id: str) -> Sequence[str]:
    """As what the recording is shared with the user, and with groups they are in."""
    return session.scalars(_ROLES, {"recording": recording_id, "user": user_id}).all()


def owner_of(session: Session, recording_id: str) -> str | None:
    """None where there is no such recording."""
    return session.scalar(select(RecordingTable.owner_id).where(RecordingTable.id == recording_id))


def groups_of(session: Session, user_id: str) -> Sequence[str]:
    return session.scalars(select(MemberTable.group_id).where(MemberTable.user_id == user_id)).all()


def put(session: Session, share: ShareTable) -> ShareTable:
    """The share, or the one that there is with the same user or group, with the new role."""
    same = (ShareTable.user_id == share.user_id) if share.user_id else (ShareTable.group_id == share.group_id)
    found = session.scalar(select(ShareTable).where(ShareTable.recording_id == share.recording_id, same))
    if found is None:
        session.add(share)
        return share
    found.role = share.role
    return found


def shares(session: Session, recording_id: str) -> Sequence[Shared]:
    """In the order of their making."""
    query = (
        select(ShareTable.id, UserTable.name, GroupTable.name, ShareTable.role, ShareTable.created_at)
        .outerjoin(UserTable, UserTable.id == ShareTable.user_id)
        .outerjoin(GroupTable, GroupTable.id == ShareTable.group_id)
        .where(ShareTable.recording_id == recording_id)
        .order_by(ShareTable.id)
    )
    return [Shared(*row) for row in session.execute(query)]


def remove(session: Session, recording_id: str, share_id: str) -> bool:
    """False where the recording has no such share."""
    gone = delete(ShareTable).where(ShareTable.id == share_id, ShareTable.recording_id == recording_id)
    return session.scalar(gone.returning(ShareTable.id)) is not None


def add_link(session: Session, link: ShareLinkTable) -> None:
    session.add(link)


def links(session: Session, recording_id: str) -> Sequence[ShareLinkTable]:
    query = select(ShareLinkTable).where(ShareLinkTable.recording_id == recording_id)
    return session.scalars(query.order_by(ShareLinkTable.id)).all()


def remove_link(session: Session, recording_id: str, link_id: str) -> bool:
    """False where the recording has no such link."""
    gone = delete(ShareLinkTable).where(
        ShareLinkTable.id == link_id, ShareLinkTable.recording_id == recording_id
    )
    return session.scalar(gone.returning(ShareLinkTable.id)) is not None


def opened(session: Session, digest: str, now: datetime) -> str | None:
    """The recording that a link opens; None where it has expired, or the owner is disabled."""
    return session.scalar(_OPENED, {"digest": digest, "now": now})
