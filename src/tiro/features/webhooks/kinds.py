"""What a webhook can be told."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tiro.errors import InvalidRequest


class WebhookEvent(StrEnum):
    ACCEPTED = "recording.accepted"
    COMPLETED = "transcription.completed"
    FAILED = "transcription.failed"
    CANCELLED = "transcription.cancelled"
    DELETED = "recording.deleted"
    TEST = "webhook.test"


TEXTS = {
    WebhookEvent.ACCEPTED: "A recording of yours came in: `session_id`, `status`, `links`.",
    WebhookEvent.COMPLETED: "Its transcript is complete: `session_id`, `status`, `links`.",
    WebhookEvent.FAILED: "Its job failed: `session_id`, `status`, `error`, `links`.",
    WebhookEvent.CANCELLED: "Its job was cancelled: `session_id`, `status`, `links`.",
    WebhookEvent.DELETED: "It was deleted: `session_id`, `status`.",
    WebhookEvent.TEST: "You asked for a test: `webhook_id`. It goes to that one alone.",
}
CHOICES = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
"""Those that a webhook may ask for; by default it is told all of them."""
ENDINGS = {
    "completed": WebhookEvent.COMPLETED,
    "failed": WebhookEvent.FAILED,
    "cancelled": WebhookEvent.CANCELLED,
}
"""What a job's last state means to a webhook."""


def parsed(names: Iterable[str]) -> frozenset[WebhookEvent]:
    """Raises InvalidRequest where a name is none that may be asked for, or there is none."""
    found = set(names)
    if not found or not found <= set(CHOICES):
        raise InvalidRequest(f"A webhook is told of one or more of: {', '.join(CHOICES)}.")
    return frozenset(map(WebhookEvent, found))


def stored(events: frozenset[WebhookEvent]) -> str:
    """As one text, in the order of ``WebhookEvent``; ``read_back`` reads it."""
    return " ".join(event for event in WebhookEvent if event in events)


def read_back(text: str) -> list[WebhookEvent]:
    return list(map(WebhookEvent, text.split()))
