"""Webhooks, and what is to be delivered to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Json, Table


class WebhookTable(Table):
    """An address that a user wants called. ``events`` are names with spaces between.

    ``secret`` is kept as it is, for each message is signed with it; so is the one before it, until
    ``previous_until``. ``disabled_for`` says why it is off where its owner did not turn it off.
    ``failing_since`` is the first of the failures that no success has ended.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[str]
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_for: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class DeliveryTable(Table):
    """One message to one webhook, written in the transaction of its cause. ``id`` and ``body`` are the same
    in each try.

    A claim raises ``attempt`` (the fencing number, as with jobs) and sets the lease. ``failures`` are those
    since the message was last queued; ``tries`` tells of the last ones. ``origin`` is the request that
    it all began with.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "webhook_id", "state", "next_at"),
        Index("ix_deliveries_listed", "webhook_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str]
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str]
    attempt: Mapped[int]
    failures: Mapped[int]
    lease_until: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    tries: Mapped[list[Json]]
    origin: Mapped[Json | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
