"""The audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class AuditTable(Table):
    """One deed. Rows are added and, when they are old, deleted; none is ever changed. They name what they are
    about by its id alone, with no foreign keys: they outlive it.

    ``user_id``, ``key_id``, ``name``, ``address`` and ``request_id`` are the actor's. ``owner_id`` is the
    user to whom the target belongs.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_user", "user_id", "seq"),
        Index("ix_audit_owner", "owner_id", "seq"),
        Index("ix_audit_target", "target", "seq"),
        Index("ix_audit_at", "at"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime]
    action: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str | None]
    user_id: Mapped[str | None]
    key_id: Mapped[str | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    target: Mapped[str | None]
    owner_id: Mapped[str | None]
    details: Mapped[Json]
