"""Sends what is due, many receivers side by side."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

import structlog

from tiro.db.tables import DeliveryTable
from tiro.egress.client import Caps, Egress
from tiro.errors import TiroError
from tiro.features.webhooks.service import WebhookService
from tiro.features.webhooks.signing import signed_headers
from tiro.features.webhooks.states import Dispatch, Outcome
from tiro.kit import clock
from tiro.kit.headers import retry_after
from tiro.kit.signals import within
from tiro.queue.base import Queue
from tiro.telemetry import origin, tracing

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_POLL_SECONDS = 1.0
"""A lost wake-up costs no more than this."""

_AT_ONCE = 100
_EXCERPT = 1000
_EXCERPT_SECONDS = 2.0
_GRACE_SECONDS = 1.5
_PRUNE_SECONDS = 3600.0


class Sender:
    """Carries messages out until it is cancelled. Belongs to one event loop.

    Args:
        answer_seconds: for one try, from the name's look-up to the answer's first line.
    """

    def __init__(
        self, webhooks: WebhookService, egress: Egress, queue: Queue, *, answer_seconds: float
    ) -> None:
        self._webhooks = webhooks
        self._egress = egress
        self._queue = queue
        self._caps = Caps(seconds=answer_seconds + _EXCERPT_SECONDS, size=_EXCERPT, silence=answer_seconds)
        self._answer_seconds = answer_seconds
        self._under_way: dict[asyncio.Task[None], Dispatch] = {}
        # Of its own, so that no crowd of requests keeps results from being written before a lease ends.
        self._rows = ThreadPoolExecutor(2, thread_name_prefix="webhooks")

    async def run(self) -> None:
        pruned = 0.0
        try:
            async with self._queue.listen() as hint:
                while True:
                    hint.clear()
                    try:
                        await self.start_due()
                        if time.monotonic() - pruned > _PRUNE_SECONDS:
                            pruned = time.monotonic()
                            await self._in_rows(self._webhooks.prune)
                    except Exception as error:  # noqa: BLE001 (the edge of the sender: it looks again later)
                        known = isinstance(error, TiroError)
                        _log.warning("webhooks.not_sent", error=str(error), exc_info=None if known else error)
                    await within(hint, _POLL_SECONDS)
        finally:
            await self._stop()

    async def start_due(self) -> None:
        """Begin to send all that is due and for which there is room."""
        busy = Counter(sent.webhook_id for sent in self._under_way.values())
        room = _AT_ONCE - len(self._under_way)
        for sent in await self._in_rows(lambda: self._webhooks.claim(room, busy)):
            task = asyncio.create_task(self._carry_out(sent))
            self._under_way[task] = sent
            task.add_done_callback(self._forget)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def send(self, sent: Dispatch) -> DeliveryTable | None:
        """Send one message, and write down what came of it; None where that was not its claim any more."""
        with origin.continued(sent.origin):
            with tracing.span(
                "webhook.deliver",
                kind=tracing.SpanKind.CLIENT,
                parent=origin.parent(sent.origin),
                delivery_id=sent.delivery_id,
                event=sent.event,
                attempt=sent.attempt,
            ) as span:
                outcome = await self._try(sent)
                if outcome.status is not None:
                    span.set(status=outcome.status)
                if not outcome.arrived:
                    span.fail("not_delivered")
            return await self._in_rows(lambda: self._webhooks.finish(sent, outcome))

    async def check(self, url: str) -> None:
        """Raises InvalidRequest or AddressRefused where a webhook may not have this address."""
        await self._egress.check(url)

    async def _carry_out(self, sent: Dispatch) -> None:
        try:
            await self.send(sent)
        except asyncio.CancelledError:
            with suppress(TiroError):
                await asyncio.shield(self._in_rows(lambda: self._webhooks.hand_back(sent)))
            raise
        except Exception:  # noqa: BLE001 (the edge of a delivery: its lease runs out, and it is tried again)
            _log.exception("webhook.not_settled", delivery_id=sent.delivery_id)

    async def _try(self, sent: Dispatch) -> Outcome:
        at, began = clock.now(), time.monotonic()
        headers = signed_headers(sent.delivery_id, sent.body, sent.secrets, at)
        asking = self._egress.open(
            "POST",
            sent.url,
            caps=self._caps,
            headers={"Content-Type": "application/json"} | headers,
            content=sent.body.encode(),
        )
        try:
            async with asking as answer:
                seconds = time.monotonic() - began
                excerpt = await answer.head(_EXCERPT, _EXCERPT_SECONDS)
        except TiroError as error:
            return Outcome(at, time.monotonic() - began, error=error.message)
        return Outcome(
            at,
            seconds,
            answer.status,
            excerpt=_readable(excerpt),
            retry_after=retry_after(answer.headers.get("retry-after"), clock.now),
        )

    async def _stop(self) -> None:
        """Let those go that are nearly done; what is broken off is sent again after the next start."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_GRACE_SECONDS)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        self._rows.shutdown()

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._queue.wake("")

    async def _in_rows(self, action: Callable[[], _T]) -> _T:
        here = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._rows, here.run, action)


def _readable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
