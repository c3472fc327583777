"""Groups of users, and with whom recordings are shared."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class GroupTable(Table):
    """A group of users, made by an admin."""

    __tablename__ = "groups"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class MemberTable(Table):
    """A user in a group."""

    __tablename__ = "members"

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class ShareTable(Table):
    """A recording shared with a user or with a group, one of the two. ``role`` is ``viewer`` or ``editor``.

    Each index gives one user's or group's in the order of a list, so that a page of it is read and not
    sorted; with ``owner_id``, the recording's, so that one's own are left out without a look at each.
    """

    __tablename__ = "shares"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) != (group_id IS NULL)", name="ck_shares_with_one"),
        Index("uq_shares_user", "user_id", "recording_id", "owner_id", unique=True),
        Index("uq_shares_group", "group_id", "recording_id", "owner_id", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    role: Mapped[str]
    created_at: Mapped[datetime]


class ShareLinkTable(Table):
    """A link that opens a recording for reading to whoever has it. Only the SHA-256 of its token is kept; it
    is revoked by deleting it."""

    __tablename__ = "share_links"

    id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
