"""Rows of webhooks and of their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Delete,
    Select,
    Update,
    bindparam,
    delete,
    exists,
    false,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from tiro.db.tables import DeliveryTable, RecordingTable, UserTable, WebhookTable
from tiro.features.webhooks.states import DeliveryState


def add(session: Session, row: WebhookTable | DeliveryTable) -> None:
    session.add(row)
    session.flush()


def get(session: Session, webhook_id: str) -> WebhookTable | None:
    return session.get(WebhookTable, webhook_id)


def of_user(session: Session, user_id: str) -> Sequence[WebhookTable]:
    chosen = select(WebhookTable).where(WebhookTable.owner_id == user_id)
    return session.scalars(chosen.order_by(WebhookTable.id)).all()


def count(session: Session, user_id: str) -> int:
    chosen = select(func.count()).select_from(WebhookTable).where(WebhookTable.owner_id == user_id)
    return session.scalar(chosen) or 0


def remove(session: Session, webhook_id: str) -> None:
    session.execute(delete(WebhookTable).where(WebhookTable.id == webhook_id))


def listening(session: Session, recording_id: str) -> Sequence[WebhookTable]:
    """The webhooks, turned on, of the recording's owner. Nobody can ask for a recording that only passes, so
    nobody is told of it."""
    return session.scalars(_listening(), {"recording": recording_id}).all()


@cache
def _listening() -> Select[tuple[WebhookTable]]:
    """Built once: every job that ends asks."""
    return (
        select(WebhookTable)
        .join(RecordingTable, RecordingTable.owner_id == WebhookTable.owner_id)
        .join(UserTable, UserTable.id == WebhookTable.owner_id)
        .where(
            RecordingTable.id == bindparam("recording"),
            RecordingTable.passing == false(),
            *_turned_on(),
        )
        .order_by(WebhookTable.id)
        # None of them is removed before the message to it is written.
        .with_for_update(key_share=True, read=True, of=WebhookTable)
    )


def waiting(session: Session, now: datetime, full: Collection[str]) -> Sequence[WebhookTable]:
    """Webhooks with something due, but those in ``full``. In no order, so that none is always the last."""
    due = exists().where(DeliveryTable.webhook_id == WebhookTable.id, *_due(now))
    query = (
        select(WebhookTable)
        .join(UserTable, UserTable.id == WebhookTable.owner_id)
        .where(due, *_turned_on(), WebhookTable.id.not_in(full))
        .order_by(func.random())
    )
    return session.scalars(query).all()


def undelivered(session: Session) -> int:
    # From the webhooks on, for the index of messages begins with theirs.
    query = (
        select(func.count())
        .select_from(WebhookTable)
        .join(DeliveryTable, DeliveryTable.webhook_id == WebhookTable.id)
        .where(DeliveryTable.state == DeliveryState.PENDING)
    )
    return session.scalars(query).one()


def claim(
    session: Session, webhook_id: str, now: datetime, lease_until: datetime, most: int
) -> Sequence[DeliveryTable]:
    """Take up to ``most`` deliveries, those that are due for longest. One statement, so never twice: while a
    message is under way it is next due when its lease runs out."""
    first = (
        select(DeliveryTable.id)
        .where(DeliveryTable.webhook_id == webhook_id, *_due(now))
        .order_by(DeliveryTable.next_at, DeliveryTable.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        # A plain subquery PostgreSQL may run once for each row, and so take more than that many.
        .cte("first_due")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    change = (
        update(DeliveryTable)
        .where(DeliveryTable.id.in_(select(first.c.id)), *_due(now))
        .values(attempt=DeliveryTable.attempt + 1, lease_until=lease_until, next_at=lease_until)
        .returning(DeliveryTable)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(change).all()


def claimed(session: Session, delivery_id: str, attempt: int) -> DeliveryTable | None:
    """The delivery, if it is still that attempt's."""
    query = select(DeliveryTable).where(
        DeliveryTable.id == delivery_id,
        DeliveryTable.attempt == attempt,
        DeliveryTable.state == DeliveryState.PENDING,
        DeliveryTable.lease_until.is_not(None),
    )
    return session.scalar(query.with_for_update())


def free(session: Session, now: datetime) -> int:
    """Take every lease away; returns how many."""
    change = (
        update(DeliveryTable)
        .where(DeliveryTable.state == DeliveryState.PENDING, DeliveryTable.lease_until.is_not(None))
        .values(lease_until=None, next_at=now)
    )
    return _rows(session, change)


def hurry(session: Session, webhook_id: str, now: datetime) -> None:
    """Make due what waits for its next try."""
    change = update(DeliveryTable).where(
        DeliveryTable.webhook_id == webhook_id,
        DeliveryTable.state == DeliveryState.PENDING,
        DeliveryTable.lease_until.is_(None),
    )
    _rows(session, change.values(next_at=now))


def deliveries(
    session: Session, webhook_id: str, state: str | None, limit: int, offset: int
) -> Sequence[DeliveryTable]:
    """Newest first."""
    query = select(DeliveryTable).where(DeliveryTable.webhook_id == webhook_id)
    if state is not None:
        query = query.where(DeliveryTable.state == state)
    return session.scalars(query.order_by(DeliveryTable.id.desc()).limit(limit).offset(offset)).all()


def delivery(
    session: Session, webhook_id: str, delivery_id: str, *, to_change: bool = False
) -> DeliveryTable | None:
    query = select(DeliveryTable).where(
        DeliveryTable.id == delivery_id, DeliveryTable.webhook_id == webhook_id
    )
    return session.scalar(query.with_for_update() if to_change else query)


def pending(session: Session, webhook_ids: Collection[str]) -> dict[str, int]:
    """How many messages wait at each webhook."""
    query = (
        select(DeliveryTable.webhook_id, func.count())
        .where(DeliveryTable.webhook_id.in_(webhook_ids), DeliveryTable.state == DeliveryState.PENDING)
        .group_by(DeliveryTable.webhook_id)
    )
    return dict(session.execute(query).tuples().all())


def prune(session: Session, before: datetime) -> int:
    """Delete what was written before; returns how many. What still waits by then waits at a webhook that is
    turned off."""
    return _rows(session, delete(DeliveryTable).where(DeliveryTable.created_at < before))


def _rows(session: Session, change: Update | Delete) -> int:
    result = session.execute(change.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _due(now: datetime) -> list[ColumnElement[bool]]:
    return [DeliveryTable.state == DeliveryState.PENDING, DeliveryTable.next_at <= now]


def _turned_on() -> list[ColumnElement[bool]]:
    """Of a webhook whose owner may still use the server."""
    return [WebhookTable.disabled_at.is_(None), UserTable.disabled_at.is_(None)]
