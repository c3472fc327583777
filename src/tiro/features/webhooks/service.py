"""Webhooks of users, and the messages to them.

A message is a row that is written in the transaction of its cause; that something is to be sent is only ever
a hint. So a message is neither lost with a process nor sent for what never happened, and may arrive twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import DeliveryTable, WebhookTable
from tiro.db.tables.base import Json
from tiro.errors import Conflict, InvalidRequest, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.counters.service import CounterService
from tiro.features.webhooks import repository
from tiro.features.webhooks.kinds import CHOICES, ENDINGS, WebhookEvent, parsed, stored
from tiro.features.webhooks.signing import new_secret
from tiro.features.webhooks.states import PATIENCE, QUIET, DeliveryState, Dispatch, Outcome, pause_after
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.queue.base import Queue
from tiro.telemetry.origin import current

__all__ = ["WebhookEvent", "WebhookService", "WebhookWish", "parsed"]

_log = structlog.get_logger(__name__)

MOST = 20
"""Webhooks of one user."""

SIDE_BY_SIDE = 2
"""Messages under way to one webhook: a slow receiver takes no more of the sender than this."""

_MAX_NAME = 100
_SHOWN_TRIES = 20
GONE, FAILING = "gone", "failing"


@dataclass(frozen=True, slots=True)
class WebhookWish:
    """What is to be set; None leaves it as it is."""

    url: str | None = None
    name: str | None = None
    events: frozenset[WebhookEvent] | None = None
    enabled: bool | None = None


class WebhookService:
    """Webhooks, their messages, and what became of these.

    Args:
        lease_seconds: longer than one try can take.
        keep: how long messages are kept.
    """

    def __init__(
        self,
        database: Database,
        counters: CounterService,
        queue: Queue,
        *,
        lease_seconds: float,
        keep: timedelta,
    ) -> None:
        self._counters = counters
        self._database = database
        self._queue = queue
        self._lease = timedelta(seconds=lease_seconds)
        self._keep = keep

    # --- by their owner -------------------------------------------------------------------------------

    def list(self, user_id: str) -> Sequence[WebhookTable]:
        """In the order of their making."""
        with self._database.read() as session:
            return repository.of_user(session, user_id)

    def get(self, webhook_id: str, user_id: str) -> WebhookTable:
        """Raises NotFound where the user has no such webhook; another's and none look the same."""
        with self._database.read() as session:
            return _own(session, webhook_id, user_id)

    def waiting(self, webhooks: Sequence[WebhookTable]) -> dict[str, int]:
        """How many messages wait at each, by its id; none where none do."""
        with self._database.read() as session:
            return repository.pending(session, [row.id for row in webhooks])

    def add(self, user_id: str, wish: WebhookWish) -> WebhookTable:
        """A new webhook; its ``secret`` is to be shown this once. Whether its address may be called is for
        the caller to ask first, and is asked again with each message.

        Raises:
            InvalidRequest: no address, or a name that cannot be one.
            Conflict: the user has too many.
        """
        if wish.url is None:
            raise InvalidRequest("A webhook needs an address: `url`.")
        now = clock.now()
        row = WebhookTable(
            id=str(uuid7()),
            owner_id=user_id,
            name=_checked_name("webhook" if wish.name is None else wish.name),
            url=wish.url,
            events=stored(_chosen(wish.events)),
            secret=new_secret(),
            previous_secret=None,
            previous_until=None,
            created_at=now,
            disabled_at=now if wish.enabled is False else None,
            disabled_for=None,
            failing_since=None,
            failed_at=None,
        )
        with self._database.write() as session:
            if repository.count(session, user_id) >= MOST:
                raise Conflict(f"There are {MOST} webhooks already, which is the most. Remove one first.")
            repository.add(session, row)
            record(session, Action.WEBHOOK_CREATED, row.id, owner=user_id, name=row.name)
        return row

    def change(self, webhook_id: str, user_id: str, wish: WebhookWish) -> WebhookTable:
        """Turned on again, it gets what waited for it, at once. Raises NotFound and InvalidRequest."""
        with self._database.write() as session:
            row = _own(session, webhook_id, user_id)
            if wish.url is not None and wish.url != row.url:
                row.url = wish.url
                row.failing_since = row.failed_at = None
            if wish.name is not None:
                row.name = _checked_name(wish.name)
            if wish.events is not None:
                row.events = stored(_chosen(wish.events))
            if wish.enabled is True:
                row.disabled_at = row.disabled_for = row.failing_since = row.failed_at = None
                repository.hurry(session, webhook_id, clock.now())
                self._wake(session)
            elif wish.enabled is False:
                row.disabled_at = row.disabled_at or clock.now()
            changed = sorted(name for name, value in asdict(wish).items() if value is not None)
            if changed:
                record(session, Action.WEBHOOK_CHANGED, row.id, owner=user_id, changed=changed)
            return row

    def rotate(self, webhook_id: str, user_id: str, overlap: timedelta) -> WebhookTable:
        """Give it a new ``secret``, to be shown this once. Messages are signed with the one before too, until
        ``overlap`` is over. Raises NotFound."""
        with self._database.write() as session:
            row = _own(session, webhook_id, user_id)
            row.previous_secret = row.secret if overlap else None
            row.previous_until = clock.now() + overlap if overlap else None
            row.secret = new_secret()
            record(session, Action.WEBHOOK_ROTATED, row.id, owner=user_id)
            return row

    def remove(self, webhook_id: str, user_id: str) -> None:
        """With all messages that wait for it. Raises NotFound."""
        with self._database.write() as session:
            repository.remove(session, _own(session, webhook_id, user_id).id)
            record(session, Action.WEBHOOK_REMOVED, webhook_id, owner=user_id)

    def deliveries(
        self, webhook_id: str, user_id: str, state: DeliveryState | None, limit: int, offset: int
    ) -> Sequence[DeliveryTable]:
        """Newest first. Raises NotFound."""
        with self._database.read() as session:
            _own(session, webhook_id, user_id)
            return repository.deliveries(session, webhook_id, state, limit, offset)

    def delivery(self, webhook_id: str, user_id: str, delivery_id: str) -> DeliveryTable:
        """Raises NotFound."""
        with self._database.read() as session:
            _own(session, webhook_id, user_id)
            return _one(session, webhook_id, delivery_id)

    def redeliver(self, webhook_id: str, user_id: str, delivery_id: str) -> DeliveryTable:
        """Send the same message once more, under the same id, from the first try on; one that is under way
        is not sent twice.

        Raises:
            NotFound
            Conflict: the webhook is turned off.
        """
        with self._database.write() as session:
            if _own(session, webhook_id, user_id).disabled_at is not None:
                raise Conflict("The webhook is turned off. Turn it on first.")
            row = _one(session, webhook_id, delivery_id, to_change=True)
            if row.lease_until is None:
                row.state, row.failures, row.next_at, row.finished_at = (
                    DeliveryState.PENDING,
                    0,
                    clock.now(),
                    None,
                )
                self._wake(session)
                record(session, Action.WEBHOOK_REDELIVERED, webhook_id, owner=user_id, delivery_id=row.id)
            return row

    def begin_test(self, webhook_id: str, user_id: str) -> Dispatch:
        """A message that is only a test, for the caller to send at once; also where the webhook is turned
        off. It is tried this once. Raises NotFound."""
        now = clock.now()
        with self._database.write() as session:
            webhook = _own(session, webhook_id, user_id)
            row = _message(webhook, WebhookEvent.TEST, {"webhook_id": webhook.id}, now)
            row.attempt, row.lease_until, row.next_at = 1, now + self._lease, now + self._lease
            repository.add(session, row)
            record(session, Action.WEBHOOK_TESTED, webhook_id, owner=user_id, delivery_id=row.id)
            return _dispatch(webhook, row, now)

    # --- by what happens ------------------------------------------------------------------------------

    def observe(self, session: Session, recording_id: str, lines: Sequence[tuple[str, Json]]) -> None:
        """Look at each line of the log as it is written: whoever ends a job cannot forget the webhooks."""
        for kind, data in lines:
            if kind == "state" and (event := ENDINGS.get(data["status"])):
                told = {name: data[name] for name in ("status", "error") if data.get(name)}
                self.publish(session, recording_id, event, told)

    def publish(self, session: Session, recording_id: str, event: WebhookEvent, data: Json) -> None:
        """Write a message to each webhook of the recording's owner that wants this event, in the transaction
        of its cause. It says where all may be asked for, and holds nothing of the transcript."""
        found = repository.listening(session, recording_id)
        listening = [webhook for webhook in found if event in webhook.events.split()]
        if not listening:
            return
        now = clock.now()
        told: Json = {"session_id": recording_id} | data
        if event is not WebhookEvent.DELETED:
            told["links"] = _links(recording_id)
        for webhook in listening:
            repository.add(session, _message(webhook, event, told, now))
        self._wake(session)

    # --- by the sender --------------------------------------------------------------------------------

    def claim(self, room: int, under_way: Counter[str]) -> Sequence[Dispatch]:
        """Take what is due, up to ``room`` messages and few for each webhook.

        Args:
            under_way: how many messages the caller is sending, by the id of the webhook.
        """
        now = clock.now()
        full = [webhook_id for webhook_id, count in under_way.items() if count >= SIDE_BY_SIDE]
        with self._database.read() as session:
            if room <= 0 or not repository.waiting(session, now, full):
                return ()
        found: Sequence[Dispatch] = ()
        # Shared: one UPDATE a webhook, which steps over what another sender takes at the same time.
        with self._database.write(shared=True) as session:
            for webhook in repository.waiting(session, now, full):
                most = min(SIDE_BY_SIDE - under_way[webhook.id], room - len(found))
                if most <= 0:
                    break
                rows = repository.claim(session, webhook.id, now, now + self._lease, most)
                found = [*found, *(_dispatch(webhook, row, now) for row in rows)]
        return found

    def finish(self, sent: Dispatch, outcome: Outcome) -> DeliveryTable | None:
        """Write down what came of a try, and when the next is due; None where the message is not this
        attempt's any more, or gone."""
        with self._database.write() as session:
            row = repository.claimed(session, sent.delivery_id, sent.attempt)
            webhook = repository.get(session, sent.webhook_id)
            if row is None or webhook is None:
                _log.warning("webhook.lease_lost", delivery_id=sent.delivery_id)
                return None
            row.tries = [*row.tries, _try(outcome)][-_SHOWN_TRIES:]
            row.lease_until = None
            if outcome.arrived:
                _end(row, DeliveryState.DELIVERED, outcome.at)
                webhook.failing_since = webhook.failed_at = None
            else:
                _failed(row, outcome, clock.now())
                if row.event != WebhookEvent.TEST:
                    _blame(session, webhook, outcome)
            given_up = row.state == DeliveryState.FAILED
            came_of_it = "delivered" if outcome.arrived else "given_up" if given_up else "failed"
            self._counters.add_webhook_try(session, came_of_it)
            return row

    def hand_back(self, sent: Dispatch) -> None:
        """Give a claim back whose try was broken off: the message is due at once."""
        # Shared: it holds the row, which is still this attempt's.
        with self._database.write(shared=True) as session:
            row = repository.claimed(session, sent.delivery_id, sent.attempt)
            if row is not None:
                row.lease_until, row.next_at = None, clock.now()

    def undelivered(self, session: Session) -> int:
        """How many messages are still to be delivered."""
        return repository.undelivered(session)

    def recover(self) -> None:
        """Free what a process that died was sending. Only while nobody else sends."""
        with self._database.write() as session:
            if freed := repository.free(session, clock.now()):
                _log.info("webhooks.freed", count=freed)

    def prune(self) -> None:
        """Delete messages that are too old to be of interest."""
        with self._database.write() as session:
            if count := repository.prune(session, clock.now() - self._keep):
                _log.info("webhooks.pruned", count=count)

    def _wake(self, session: Session) -> None:
        after_commit(session, partial(self._queue.wake, ""))


def _own(session: Session, webhook_id: str, user_id: str) -> WebhookTable:
    row = repository.get(session, webhook_id)
    if row is None or row.owner_id != user_id:
        raise NotFound("There is no webhook with this id.")
    return row


def _one(session: Session, webhook_id: str, delivery_id: str, *, to_change: bool = False) -> DeliveryTable:
    row = repository.delivery(session, webhook_id, delivery_id, to_change=to_change)
    if row is None:
        raise NotFound("There is no delivery with this id.")
    return row


def _chosen(events: frozenset[WebhookEvent] | None) -> frozenset[WebhookEvent]:
    return frozenset(CHOICES) if events is None else parsed(events)


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"A name has 1 to {_MAX_NAME} printable characters.")
    return name


def _links(recording_id: str) -> Json:
    base = f"/api/v1/transcribe/{recording_id}"
    return {"self": base, "media": f"{base}/media", "transcript": f"{base}/transcript.txt"}


def _message(webhook: WebhookTable, event: WebhookEvent, data: Json, now: datetime) -> DeliveryTable:
    body = {"type": event, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
    return DeliveryTable(
        id=f"msg_{uuid7().hex}",
        webhook_id=webhook.id,
        event=event,
        body=json.dumps(body, ensure_ascii=False),
        state=DeliveryState.PENDING,
        attempt=0,
        failures=0,
        lease_until=None,
        next_at=now,
        tries=[],
        origin=current() or None,
        created_at=now,
        finished_at=None,
    )


def _dispatch(webhook: WebhookTable, row: DeliveryTable, now: datetime) -> Dispatch:
    keys = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > now:
        keys.append(webhook.previous_secret)
    return Dispatch(
        row.id, webhook.id, row.attempt, row.event, webhook.url, row.body, tuple(keys), row.origin or {}
    )


def _try(outcome: Outcome) -> Json:
    return {
        "at": outcome.at.isoformat(),
        "seconds": round(outcome.seconds, 3),
        "status": outcome.status,
        "error": outcome.error,
        "excerpt": outcome.excerpt,
    }


def _end(row: DeliveryTable, state: DeliveryState, at: datetime) -> None:
    row.state, row.finished_at, row.next_at = state, at, None


def _failed(row: DeliveryTable, outcome: Outcome, now: datetime) -> None:
    row.failures += 1
    once = row.event == WebhookEvent.TEST
    pause = None if once else pause_after(row.failures, outcome.retry_after)
    if pause is None:
        _end(row, DeliveryState.FAILED, outcome.at)
    else:
        row.next_at = now + pause
    _log.info(
        "webhook.failed",
        delivery_id=row.id,
        webhook_id=row.webhook_id,
        status=outcome.status,
        error=outcome.error,
        next_in=None if pause is None else ceil(pause.total_seconds()),
    )


def _blame(session: Session, webhook: WebhookTable, outcome: Outcome) -> None:
    """Turn the webhook off where its receiver wants no more, or has failed for days."""
    last = webhook.failed_at
    if webhook.failing_since is None or last is None or outcome.at - last > QUIET:
        webhook.failing_since = outcome.at
    webhook.failed_at = outcome.at
    why = GONE if outcome.gone else FAILING if outcome.at - webhook.failing_since > PATIENCE else None
    if why is not None and webhook.disabled_at is None:
        webhook.disabled_at, webhook.disabled_for = outcome.at, why
        record(session, Action.WEBHOOK_DISABLED, webhook.id, owner=webhook.owner_id, reason=why)
        _log.warning("webhook.disabled", webhook_id=webhook.id, reason=why)
