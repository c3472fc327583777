"""Who people are at an identity provider."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class IdentityTable(Table):
    """A user, as their provider knows them: a ``subject`` never changes, and is never given to another."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]


class UsedAttemptTable(Table):
    """A login at the provider that came back, so that it comes back once."""

    __tablename__ = "used_attempts"

    digest: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
