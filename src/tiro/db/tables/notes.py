"""What people put to recordings: tags and comments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class TagTable(Table):
    """A word under which a recording is found. ``folded`` is by which two are the same; ``owner_id`` is the
    recording's, so that a list of one's own needs no other table."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_folded", "owner_id", "folded", "recording_id"),)

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    folded: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))


class CommentTable(Table):
    """What somebody says of a recording: of a moment (``at``, in seconds) or of all of it."""

    __tablename__ = "comments"
    __table_args__ = (Index("ix_comments_recording", "recording_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id", ondelete="CASCADE"))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    at: Mapped[float | None]
    text: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
