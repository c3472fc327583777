"""R13 and R3: a message to a webhook arrives at least once, whatever the receiver does and whoever dies."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks.webhooks
from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from tests.checkup import assert_sound, rows
from tests.conftest import make_settings
from tests.databases import stuck_at
from tests.makecall import wav
from tests.receiver import Reply, receiving
from tests.serving import ServerProcess, thread_server, wait_until
from tests.workers import runtime_of

from tiro.bootstrap.server import Runtime
from tiro.db.tables import DeliveryTable, RecordingTable, WebhookTable
from tiro.features.checkup.repository import lost_deliveries
from tiro.features.counters.service import Counted
from tiro.features.webhooks.service import WebhookEvent, WebhookWish
from tiro.features.webhooks.states import PAUSES, DeliveryState
from tiro.kit import clock
from tiro.settings import Settings


def settings_of(data: Path, answer_seconds: float) -> Settings:
    return make_settings(
        data,
        egress={"allow": "127.0.0.1"},
        webhooks={"answer_seconds": answer_seconds, "keep_days": 30},
    )


class House:
    """Webhooks on a real database and real sockets, at a time of the test's choosing."""

    def counted(self) -> Counter[str]:
        """Tries to deliver, by what came of them."""
        with self.runtime.database.read() as session:
            values = self.runtime.counters.values(session)
        return Counter(
            {label: int(n) for (name, label), n in values.items() if name == Counted.WEBHOOK_TRIES}
        )

    def __init__(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        self.runtime = runtime
        self.webhooks = self.runtime.webhooks
        with self.runtime.database.write() as session:
            self.owner = self.runtime.users.owner(session).id

        class Later(datetime):
            """The receiver's clock, which goes as ours does."""

            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return clock.now()

        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + self.ahead)
        monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Later)

    def webhook(self, url: str, *events: WebhookEvent) -> WebhookTable:
        return self.webhooks.add(self.owner, WebhookWish(url=url, events=frozenset(events) or None))

    def recording(self, name: str, owner: str | None = None, *, passing: bool = False) -> None:
        with self.runtime.database.write() as session:
            session.add(
                RecordingTable(
                    id=name,
                    owner_id=owner or self.owner,
                    title="A secret title",
                    filename=name,
                    size=1,
                    sha256="0",
                    media=None,
                    passing=passing,
                    created_at=clock.now(),
                )
            )

    def happens(self, name: str, status: str = "completed", error: object = None) -> None:
        with self.runtime.database.write() as session:
            self.runtime.events.append(session, name, "state", {"status": status, "error": error})

    def send_due(self) -> None:
        self.in_loop(self._send_due())

    async def _send_due(self) -> None:
        await self.runtime.sender.start_due()
        await self.runtime.sender.settled()

    def in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(work)

    def deliveries(self, webhook: WebhookTable) -> list[DeliveryTable]:
        return list(self.webhooks.deliveries(webhook.id, self.owner, None, 200, 0))

    def row(self, webhook: WebhookTable) -> WebhookTable:
        return self.webhooks.get(webhook.id, self.owner)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with runtime_of(settings_of(tmp_path_factory.mktemp("data"), answer_seconds=2)) as runtime:
        yield runtime


@pytest.fixture
def house(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield House(runtime, monkeypatch)
    with runtime.database.write() as session:
        assert lost_deliveries(session) == []
        session.execute(delete(WebhookTable))
        session.execute(delete(RecordingTable))


@pytest.fixture
def patient_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """One of its own, that waits for slow receivers, and whose sender may be stopped for good."""
    with runtime_of(settings_of(tmp_path / "data", answer_seconds=20)) as runtime:
        yield House(runtime, monkeypatch)


def test_a_difficult_receiver_gets_its_message_nevertheless(house: House) -> None:
    """Five times 500, then a redirect, then silence, and at last it takes it."""
    hold = threading.Event()
    with receiving() as elsewhere:
        away = Reply(302, {"Location": elsewhere.url})
        script = [*(Reply(500, body=b"<h1>no\x1b[2J</h1>") for _ in range(5)), away, Reply(hold=hold)]
        with receiving(script) as receiver:
            webhook = house.webhook(receiver.url)
            house.recording("r")
            house.happens("r")
            for pause in PAUSES:
                house.send_due()
                told = receiver.messages[-1].verified(webhook.secret)
                assert told["type"] == "transcription.completed"
                [row] = house.deliveries(webhook)
                assert row.next_at is not None
                wait = (row.next_at - clock.now()).total_seconds()
                assert 0.4 * pause <= wait <= 1.2 * pause
                # Not a moment before its time.
                house.ahead += timedelta(seconds=wait / 2)
                before = len(receiver.messages)
                house.send_due()
                assert len(receiver.messages) == before
                house.ahead += timedelta(seconds=wait / 2 + 1)
            hold.set()
            house.send_due()
            [row] = house.deliveries(webhook)
            messages = receiver.messages
        assert elsewhere.messages == []
    assert (row.state, row.next_at, len(row.tries)) == (DeliveryState.DELIVERED, None, 8)
    assert [one["status"] for one in row.tries] == [500] * 5 + [302, None, 204]
    assert row.tries[0]["excerpt"] == "<h1>no [2J</h1>"
    assert "in time" in row.tries[6]["error"]
    assert {message.id for message in messages} == {row.id}
    assert len({message.body for message in messages}) == 1
    assert len({message.headers["webhook-timestamp"] for message in messages}) == 8
    assert timedelta(hours=23) < house.ahead < timedelta(hours=31)
    assert house.row(webhook).failing_since is None


def test_a_message_says_where_to_ask_and_no_more(house: House) -> None:
    with receiving() as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r", "failed", {"code": "no_audio", "message": "The file has no audio in it."})
        house.send_due()
        [message] = receiver.messages
    told = message.verified(webhook.secret)
    assert set(told) == {"type", "timestamp", "data"}
    assert told["type"] == "transcription.failed"
    assert told["data"] == {
        "session_id": "r",
        "status": "failed",
        "error": {"code": "no_audio", "message": "The file has no audio in it."},
        "links": {
            "self": "/api/v1/transcribe/r",
            "media": "/api/v1/transcribe/r/media",
            "transcript": "/api/v1/transcribe/r/transcript.txt",
        },
    }
    assert b"secret title" not in message.body
    assert message.headers["content-type"] == "application/json"


def test_a_receiver_that_is_gone_is_called_no_more(house: House) -> None:
    with receiving([Reply(410)]) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        house.send_due()
        assert house.row(webhook).disabled_for == "gone"
        house.happens("r", "failed")  # while it is off, nothing is added
        house.send_due()
        assert len(receiver.messages) == 1
        house.webhooks.change(webhook.id, house.owner, WebhookWish(enabled=True))
        house.send_due()
        assert house.row(webhook).disabled_for is None
    assert [message.id for message in receiver.messages] == [house.deliveries(webhook)[0].id] * 2
    assert [row.state for row in house.deliveries(webhook)] == ["delivered"]


def test_after_the_last_try_a_message_can_be_sent_by_hand(house: House) -> None:
    before = house.counted()
    with receiving([Reply(500)] * (len(PAUSES) + 1)) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        for _ in range(len(PAUSES) + 3):
            house.send_due()
            house.ahead += timedelta(hours=12)
        [row] = house.deliveries(webhook)
        assert (row.state, row.next_at, len(row.tries)) == ("failed", None, len(PAUSES) + 1)
        house.webhooks.redeliver(webhook.id, house.owner, row.id)
        house.send_due()
        [again] = house.deliveries(webhook)
    counted = house.counted()
    counted.subtract(before)
    assert +counted == {"failed": len(PAUSES), "given_up": 1, "delivered": 1}
    assert (again.state, again.id) == ("delivered", row.id)
    assert {message.id for message in receiver.messages} == {row.id}


def test_days_of_failures_turn_a_webhook_off(house: House) -> None:
    with receiving(lambda _: Reply(503)) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        days = 0
        while house.row(webhook).disabled_at is None:
            house.happens("r")
            house.send_due()
            assert days < 7
            house.ahead += timedelta(days=1)
            days += 1
    assert (house.row(webhook).disabled_for, days) == ("failing", 6)


def test_one_old_failure_is_not_days_of_them(house: House) -> None:
    with receiving(lambda _: Reply(503)) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        for _ in range(2):
            house.happens("r")
            house.send_due()
            house.ahead += timedelta(days=30)
            house.webhooks.prune()
    assert house.row(webhook).disabled_at is None


@pytest.mark.parametrize(("asked", "least"), [("600", 600), ("86400000", 36_000), ("nonsense", 5), ("-5", 5)])
def test_a_receiver_may_ask_for_less_haste(house: House, asked: str, least: float) -> None:
    with receiving([Reply(429, {"Retry-After": asked})]) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        house.send_due()
        [row] = house.deliveries(webhook)
    assert row.next_at is not None
    assert least - 1 <= (row.next_at - clock.now()).total_seconds() <= 1.2 * least


def test_a_slow_receiver_holds_nobody_up(patient_house: House) -> None:
    house = patient_house
    hold = threading.Event()
    with receiving(lambda _: Reply(hold=hold)) as slow, receiving() as quick:
        slow_one, quick_one = house.webhook(slow.url), house.webhook(quick.url)
        house.recording("r")
        for _ in range(20):
            house.happens("r")

        async def look() -> None:
            sender = house.runtime.sender
            running = asyncio.create_task(sender.run())
            await asyncio.to_thread(wait_until, lambda: len(quick.messages) == 20, what="all messages")
            assert len(slow.messages) <= 2
            assert {row.state for row in house.deliveries(slow_one)} == {"pending"}
            hold.set()
            running.cancel()
            await asyncio.wait([running])

        house.in_loop(look())
    assert {row.state for row in house.deliveries(quick_one)} == {"delivered"}


def test_whose_webhooks_hear_of_what(house: House) -> None:
    other = house.runtime.users.create("otto")
    with receiving() as receiver:
        everything = house.webhook(receiver.url + "/all")
        ends = house.webhook(receiver.url + "/failed", WebhookEvent.FAILED)
        off = house.webhook(receiver.url + "/off")
        house.webhooks.change(off.id, house.owner, WebhookWish(enabled=False))
        theirs = house.webhooks.add(other.id, WebhookWish(url=receiver.url + "/theirs"))
        house.recording("r")
        house.recording("p", passing=True)
        house.recording("t", other.id)
        for status in ("queued", "running", "failed", "completed"):
            for name in ("r", "p", "t"):
                house.happens(name, status)
        house.runtime.accounts.change_user(other.id, role=None, disabled=True)
        house.happens("t", "failed")
        house.send_due()
        house.send_due()
    assert sorted(message.path for message in receiver.messages) == ["/hook/all"] * 2 + ["/hook/failed"]
    assert len(house.deliveries(everything)) == 2
    assert len(house.deliveries(ends)) == 1
    # What waits for somebody who was disabled waits on.
    assert house.webhooks.waiting([theirs]) == {theirs.id: 2}


def test_what_is_rolled_back_is_told_to_nobody(house: House) -> None:
    webhook = house.webhook("http://127.0.0.1:9/")
    house.recording("r")

    def fail(session: Session) -> None:
        house.runtime.events.append(session, "r", "state", {"status": "completed"})
        raise RuntimeError

    with pytest.raises(RuntimeError), house.runtime.database.write() as session:
        fail(session)
    assert house.deliveries(webhook) == []


def test_secrets_change_without_a_gap(house: House) -> None:
    with receiving() as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        old = webhook.secret
        new = house.webhooks.rotate(webhook.id, house.owner, timedelta(hours=1)).secret
        house.happens("r")
        house.send_due()
        for secret in (old, new):
            assert receiver.messages[0].verified(secret)
        house.ahead += timedelta(hours=1, seconds=1)
        house.happens("r")
        house.send_due()
        assert receiver.messages[1].verified(new)
        with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
            receiver.messages[1].verified(old)


def test_a_sender_that_was_thought_dead_changes_nothing(house: House) -> None:
    with receiving() as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        [stale] = house.webhooks.claim(10, Counter())
        assert not house.webhooks.claim(10, Counter())
        house.ahead += timedelta(minutes=2)
        [fresh] = house.webhooks.claim(10, Counter())
        assert (fresh.delivery_id, fresh.attempt) == (stale.delivery_id, stale.attempt + 1)

        async def send() -> None:
            assert await house.runtime.sender.send(stale) is None
            assert house.deliveries(webhook)[0].state == "pending"
            assert await house.runtime.sender.send(fresh) is not None

        house.in_loop(send())
        assert house.deliveries(webhook)[0].state == "delivered"
    assert len(receiver.messages) == 2


def test_a_sender_that_stops_gives_back_what_it_could_not_end(
    patient_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = patient_house
    monkeypatch.setattr("tiro.features.webhooks.sender._GRACE_SECONDS", 0.05)
    hold = threading.Event()
    with receiving([Reply(hold=hold)]) as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")

        async def stop() -> None:
            running = asyncio.create_task(house.runtime.sender.run())
            await asyncio.to_thread(wait_until, lambda: receiver.messages, what="the first try")
            running.cancel()
            await asyncio.wait([running])

        house.in_loop(stop())
        [row] = house.deliveries(webhook)
        assert (row.state, row.lease_until, row.tries) == ("pending", None, [])
        assert row.next_at is not None
        assert row.next_at <= clock.now()
        hold.set()


def test_old_messages_go(house: House) -> None:
    with receiving() as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        house.send_due()
        house.ahead += timedelta(days=29)
        house.happens("r")
        house.send_due()
        house.ahead += timedelta(days=2)
        house.webhooks.prune()
    assert len(house.deliveries(webhook)) == 1


def test_a_webhook_never_leads_inside(house: House) -> None:
    """Also where its address was let in before the operator thought better of it."""
    with receiving() as canary:
        webhook = house.webhook(canary.url.replace("127.0.0.1", "127.0.0.2"))
        house.recording("r")
        house.happens("r")
        house.send_due()
        assert canary.messages == []
    [row] = house.deliveries(webhook)
    assert "not public" in row.tries[0]["error"]


def test_a_start_frees_what_a_dead_server_was_sending(house: House) -> None:
    with receiving() as receiver:
        webhook = house.webhook(receiver.url)
        house.recording("r")
        house.happens("r")
        assert len(house.webhooks.claim(10, Counter())) == 1
        house.send_due()
        assert receiver.messages == []
        house.webhooks.recover()
        house.send_due()
    assert [row.state for row in house.deliveries(webhook)] == ["delivered"]


@pytest.mark.parametrize("broken", [{"next_at": None}, {"state": "failed"}, {"finished_at": clock.now()}])
def test_the_doctor_finds_a_message_that_nobody_would_send(house: House, broken: dict[str, Any]) -> None:
    webhook = house.webhook("http://127.0.0.1:9/")
    house.recording("r")
    house.happens("r")
    with house.runtime.database.write() as session:
        assert lost_deliveries(session) == []
        session.execute(update(DeliveryTable).values(**broken))
        assert lost_deliveries(session) == [house.deliveries(webhook)[0].id]
        session.rollback()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the first try", "in the first try"])
def test_a_killed_server_delivers_after_its_start(tmp_path: Path, moment: str) -> None:
    """R3: the message was written with its cause; whoever starts next sends it."""
    data = tmp_path / "data"
    early = moment == "before the first try"
    hold = threading.Event()
    with receiving([] if early else [Reply(hold=hold)]) as receiver, ExitStack() as stack:
        server = ServerProcess(data, egress_allow="127.0.0.1")
        try:
            wish = {"url": receiver.url, "events": ["transcription.completed"]}
            secret = server.client.post("/api/v1/webhooks", json=wish).json()["secret"]
            if early:
                stack.enter_context(stuck_at(data, "UPDATE ON deliveries"))
            session_id = server.client.send_file("a.wav", wav(1), wait=30).json()["session_id"]
            told = "SELECT 1 FROM deliveries"
            wait_until(lambda: rows(data, told) if early else receiver.messages, what=moment)
            server.kill()
        finally:
            server.process.kill()
        stack.close()
        [left] = rows(data, "SELECT state, attempt FROM deliveries")
        assert (left["state"], left["attempt"]) == ("pending", 0 if early else 1)
        hold.set()
        with thread_server(make_settings(data, egress={"allow": "127.0.0.1"}), recover=True):
            done = "SELECT 1 FROM deliveries WHERE state = 'delivered'"
            wait_until(lambda: rows(data, done), what="the delivery")
        messages = receiver.messages
    assert len(messages) == (1 if early else 2)
    assert len({message.id for message in messages}) == 1
    assert messages[-1].verified(secret)["data"]["session_id"] == session_id  # type: ignore[index]
    assert_sound(data)
