"""One's own webhooks: `/api/v1/webhooks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, status
from starlette.concurrency import run_in_threadpool

from tiro.db.tables import WebhookTable
from tiro.errors import AddressRefused, Conflict, Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.keys.dependencies import WRITE, Reader, Writer
from tiro.features.webhooks.schemas import (
    Deliveries,
    Delivery,
    NewWebhook,
    Rotation,
    Webhook,
    WebhookChange,
    WebhookNew,
    Webhooks,
    shown,
    shown_delivery,
)
from tiro.features.webhooks.sender import Sender
from tiro.features.webhooks.service import WebhookService, WebhookWish
from tiro.features.webhooks.states import DeliveryState
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/webhooks", tags=["webhooks"], responses=documented(Unauthorized, Forbidden)
)


async def _service(request: Request) -> WebhookService:
    return cast(WebhookService, request.app.state.runtime.webhooks)


async def _sender(request: Request) -> Sender:
    return cast(Sender, request.app.state.runtime.sender)


Service = Annotated[WebhookService, Depends(_service)]
SenderDependency = Annotated[Sender, Depends(_sender)]


@router.get("")
def list_webhooks(service: Service, who: Reader) -> Webhooks:
    """Your webhooks in the order of their making."""
    rows = service.list(who.user_id)
    waiting = service.waiting(rows)
    return Webhooks(items=[Webhook(**shown(row, waiting.get(row.id, 0))) for row in rows])


@router.post(
    "",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(InvalidRequest, AddressRefused, Conflict, *REFUSALS),
)
async def create_webhook(
    service: Service, sender: SenderDependency, who: Writer, wish: WebhookNew
) -> NewWebhook:
    """Have an address called with what happens to your recordings. Messages are signed as
    [Standard Webhooks](https://www.standardwebhooks.com) says, and tried again for a day until the receiver
    answers with a 2xx; so each arrives at least once. A receiver that answers 410 is called no more."""
    await sender.check(wish.url)
    row = await run_in_threadpool(service.add, who.user_id, _wish(wish))
    return NewWebhook(**shown(row, 0), secret=row.secret)


@router.get("/{webhook_id}", responses=documented(NotFound))
def get_webhook(service: Service, who: Reader, webhook_id: str) -> Webhook:
    """One of your webhooks."""
    return _with_waiting(service, service.get(webhook_id, who.user_id))


@router.patch("/{webhook_id}", responses=documented(NotFound, InvalidRequest, AddressRefused))
async def change_webhook(
    service: Service, sender: SenderDependency, who: Writer, webhook_id: str, change: WebhookChange
) -> Webhook:
    """Give it another address, name or choice of events, or turn it off and on."""
    await run_in_threadpool(service.get, webhook_id, who.user_id)
    if change.url is not None:
        await sender.check(change.url)
    row = await run_in_threadpool(service.change, webhook_id, who.user_id, _wish(change))
    return await run_in_threadpool(_with_waiting, service, row)


@router.delete("/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound))
def delete_webhook(service: Service, who: Writer, webhook_id: str) -> None:
    """Remove it, and what waits for it."""
    service.remove(webhook_id, who.user_id)


@router.post("/{webhook_id}/rotate", dependencies=[WRITE, ONCE], responses=documented(NotFound, *REFUSALS))
def rotate_secret(service: Service, who: Writer, webhook_id: str, wish: Rotation) -> NewWebhook:
    """Give it a new secret. For a while messages are signed with both, so that none is refused."""
    row = service.rotate(webhook_id, who.user_id, timedelta(hours=wish.overlap_hours))
    return NewWebhook(**_with_waiting(service, row).model_dump(), secret=row.secret)


@router.post("/{webhook_id}/test", dependencies=[WRITE, ONCE], responses=documented(NotFound, *REFUSALS))
async def test_webhook(service: Service, sender: SenderDependency, who: Writer, webhook_id: str) -> Delivery:
    """Send a `webhook.test` now, once, and say what came of it; also while the webhook is turned off."""
    sent = await run_in_threadpool(service.begin_test, webhook_id, who.user_id)
    row = await sender.send(sent)
    if row is None:
        raise NotFound("The webhook was removed meanwhile.")
    return shown_delivery(row)


@router.get("/{webhook_id}/deliveries", responses=documented(NotFound))
def list_deliveries(
    service: Service,
    who: Reader,
    webhook_id: str,
    state: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Deliveries:
    """Its messages, newest first, with what the receiver answered and when the next try is."""
    rows = service.deliveries(webhook_id, who.user_id, state, limit, offset)
    return Deliveries(items=[shown_delivery(row) for row in rows])


@router.get("/{webhook_id}/deliveries/{delivery_id}", responses=documented(NotFound))
def get_delivery(service: Service, who: Reader, webhook_id: str, delivery_id: str) -> Delivery:
    """One message."""
    return shown_delivery(service.delivery(webhook_id, who.user_id, delivery_id))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(NotFound, Conflict, *REFUSALS),
)
def redeliver(service: Service, who: Writer, webhook_id: str, delivery_id: str) -> Delivery:
    """Send a message once more, under the id that it had, at once."""
    return shown_delivery(service.redeliver(webhook_id, who.user_id, delivery_id))


def _with_waiting(service: WebhookService, row: WebhookTable) -> Webhook:
    return Webhook(**shown(row, service.waiting([row]).get(row.id, 0)))


def _wish(wish: WebhookNew | WebhookChange) -> WebhookWish:
    events = None if wish.events is None else frozenset(wish.events)
    return WebhookWish(url=wish.url, name=wish.name, events=events, enabled=wish.enabled)
