"""What webhooks and their deliveries look like from outside."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tiro.db.tables import DeliveryTable, WebhookTable
from tiro.features.webhooks.kinds import WebhookEvent, read_back
from tiro.features.webhooks.states import DeliveryState
from tiro.http.fields import AS_NUMBER, Flag

_EVENTS = "What it is told of; by default all there is."
_SHAPE: dict[str, Any] = {"pattern": r"^https?://[^\s\\@]+$"}
_Url = Annotated[str, Field(max_length=2048, json_schema_extra=_SHAPE)]
_Events = Annotated[list[WebhookEvent], Field(json_schema_extra={"minItems": 1})]


class WebhookNew(BaseModel):
    """The webhook that is wanted."""

    url: _Url = Field(examples=["https://example.com/tiro"])
    name: str = Field("webhook", description="For people.", max_length=100)
    events: _Events | None = Field(None, description=_EVENTS)
    enabled: Flag = True


class WebhookChange(BaseModel):
    """What is to be another; what is not named stays."""

    url: _Url | None = None
    name: str | None = Field(None, max_length=100)
    events: _Events | None = Field(None, description="What it is told of.")
    enabled: Flag | None = Field(
        None, description="Turned on again, it gets what waited for it; while it is off, nothing is added."
    )


class Rotation(BaseModel):
    overlap_hours: Annotated[float, Field(ge=0, le=168), AS_NUMBER] = Field(
        24.0, description="How long messages are signed with the old secret too."
    )


class Webhook(BaseModel):
    """A webhook without its secret."""

    id: str
    name: str
    url: str
    events: list[WebhookEvent]
    enabled: bool
    disabled_at: datetime | None
    disabled_for: Literal["gone", "failing"] | None = Field(
        description="Why the server turned it off: the receiver answered 410, or failed for five days."
    )
    failing_since: datetime | None = Field(description="The first failure since the last success.")
    waiting: int = Field(description="Messages that are still to be delivered.")
    previous_secret_until: datetime | None
    created_at: datetime


class NewWebhook(Webhook):
    secret: str = Field(description="Verifies the signatures. It is shown this once.", examples=["whsec_…"])


class Webhooks(BaseModel):
    items: list[Webhook]


class Try(BaseModel):
    """One try to deliver."""

    at: datetime
    seconds: float
    status: int | None = Field(description="The receiver's; null where none came.")
    error: str | None = Field(description="Why none came.")
    excerpt: str = Field(description="How the answer begins.")


class Delivery(BaseModel):
    """A message to a webhook, and how it fared."""

    id: str = Field(description="The `webhook-id`, the same in every try.", examples=["msg_0190…"])
    event: WebhookEvent
    state: DeliveryState
    payload: dict[str, Any] = Field(description="The body.")
    created_at: datetime
    finished_at: datetime | None
    next_at: datetime | None = Field(description="When it is tried next; null once it has ended.")
    tries: list[Try] = Field(description="The last 20, oldest first.")


class Deliveries(BaseModel):
    items: list[Delivery]


def shown(row: WebhookTable, waiting: int) -> dict[str, Any]:
    """The fields of ``Webhook``."""
    return {
        "id": row.id,
        "name": row.name,
        "url": row.url,
        "events": read_back(row.events),
        "enabled": row.disabled_at is None,
        "disabled_at": row.disabled_at,
        "disabled_for": row.disabled_for,
        "failing_since": row.failing_since,
        "waiting": waiting,
        "previous_secret_until": row.previous_until,
        "created_at": row.created_at,
    }


def shown_delivery(row: DeliveryTable) -> Delivery:
    return Delivery.model_validate(
        {
            "id": row.id,
            "event": row.event,
            "state": row.state,
            "payload": json.loads(row.body),
            "created_at": row.created_at,
            "finished_at": row.finished_at,
            "next_at": row.next_at,
            "tries": row.tries,
        }
    )
