"""The life of a job in its rows: fenced by the attempt, tried three times, cancelled whenever asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy.orm import Session
from tests.checkup import rows
from tests.conftest import make_settings

from tiro.bootstrap.data import open_database
from tiro.db.session import Database
from tiro.db.tables import RecordingTable
from tiro.errors import Conflict, EngineCrashed, LeaseLost, NoAudio, StorageFull
from tiro.events.embedded import EmbeddedEventHub
from tiro.features.counters.service import Counted, CounterService
from tiro.features.defaults.service import DefaultsService
from tiro.features.events.service import EventService
from tiro.features.jobs.service import Claim, JobService
from tiro.features.jobs.states import JobQueue, Priority
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.queue.embedded import EmbeddedQueue
from tiro.speech.options import Defaults, TranscriptionOptions

LEASE = 15.0


class House:
    """Jobs on a real database, at a time of the test's choosing."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = data
        self.database: Database = open_database(make_settings(data))
        events = EventService(self.database, EmbeddedEventHub())
        self.jobs = JobService(events, CounterService(), EmbeddedQueue(), attempts=3, lease_seconds=LEASE)
        self.now = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def recording(self, name: str, priority: Priority = Priority.NORMAL) -> None:
        with self.database.write() as session:
            owner_id = UserService(self.database).owner(session).id
            session.add(
                RecordingTable(
                    id=name,
                    owner_id=owner_id,
                    title=name,
                    filename=name,
                    size=1,
                    sha256="0",
                    media=None,
                    passing=False,
                    created_at=self.now,
                )
            )
            session.flush()
            self.jobs.enqueue(session, name, owner_id, TranscriptionOptions("echo"), priority)

    def claim(self, owner: str = "worker") -> Claim | None:
        """As a worker does: look, then take."""
        with self.database.write() as session:
            if self.jobs.look(session, ("cpu",), None).pause_over:
                self.jobs.end_pauses(session)
            return self.jobs.claim(session, owner)

    def claimed(self) -> Claim:
        claim = self.claim()
        assert claim is not None
        return claim

    def claimed_in(self, session: Session) -> Claim:
        claim = self.jobs.claim(session, "worker")
        assert claim is not None
        return claim

    def do(self, action: Callable[[Session], object]) -> None:
        with self.database.write() as session:
            action(session)

    def sweep(self, *, everything: bool = False) -> int:
        with self.database.write() as session:
            return self.jobs.sweep(session, everything=everything)

    def row(self, name: str = "a") -> dict[str, object]:
        (row,) = rows(self.data, "SELECT * FROM jobs WHERE recording_id = ? AND latest", name)
        return row


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path / "data", monkeypatch)
    yield house
    house.database.close()


# All that a worker may write, each by a claim.
WRITES: dict[str, Callable[[JobService, Session, Claim], object]] = {
    "renew": lambda jobs, session, claim: jobs.renew(session, claim),
    "enter a stage": lambda jobs, session, claim: jobs.describe(session, claim, stage="transcribe"),
    "describe": lambda jobs, session, claim: jobs.describe(session, claim, position=1.0),
    "complete": lambda jobs, session, claim: jobs.complete(session, claim),
    "cancel": lambda jobs, session, claim: jobs.cancel(session, claim),
    "fail for good": lambda jobs, session, claim: jobs.fail(session, claim, NoAudio()),
    "fail for now": lambda jobs, session, claim: jobs.fail(session, claim, EngineCrashed()),
    "hand back": lambda jobs, session, claim: jobs.hand_back(session, claim),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("fate", ["queued again", "with another worker", "done by another worker"])
def test_a_stale_claim_changes_nothing(house: House, write: str, fate: str) -> None:
    house.recording("a")
    stale = house.claimed()
    house.later(LEASE + 1)
    assert house.sweep() == 1
    if fate != "queued again":
        fresh = house.claimed()
        assert fresh.attempt == stale.attempt + 1
        if fate == "done by another worker":
            house.do(lambda session: house.jobs.complete(session, fresh))
    before = (house.row(), rows(house.data, "SELECT * FROM events"))
    with pytest.raises(LeaseLost):
        house.do(lambda session: WRITES[write](house.jobs, session, stale))
    assert (house.row(), rows(house.data, "SELECT * FROM events")) == before


def test_a_renewed_lease_is_not_swept(house: House) -> None:
    house.recording("a")
    claim = house.claimed()
    for _ in range(5):
        house.later(LEASE - 1)
        house.do(lambda session: house.jobs.renew(session, claim))
        assert house.sweep() == 0
    house.later(LEASE + 1)
    assert house.sweep() == 1


def test_three_tries_with_growing_pauses_then_failed(house: House) -> None:
    house.recording("a")
    for pause in (1, 4):
        claim = house.claimed()
        house.do(lambda session, claim=claim: house.jobs.fail(session, claim, EngineCrashed()))
        assert house.row()["state"] == "queued"
        house.later(pause - 0.1)
        assert house.claim() is None
        house.later(0.2)
    claim = house.claimed()
    assert claim.attempt == 3
    house.do(lambda session: house.jobs.fail(session, claim, EngineCrashed()))
    assert house.row()["state"] == "failed"
    assert "engine_crashed" in str(house.row()["error"])


def test_what_cannot_change_is_not_tried_again(house: House) -> None:
    house.recording("a")
    claim = house.claimed()
    house.do(lambda session: house.jobs.fail(session, claim, NoAudio()))
    assert (house.row()["state"], house.row()["attempt"]) == ("failed", 1)


def test_a_full_disk_is_worth_another_try(house: House) -> None:
    house.recording("a")
    claim = house.claimed()
    house.do(lambda session: house.jobs.fail(session, claim, StorageFull()))
    assert house.row()["state"] == "queued"


def test_a_job_that_kills_its_worker_fails_after_three(house: House) -> None:
    house.recording("a")
    for _ in range(3):
        assert house.claim() is not None
        assert house.sweep(everything=True) == 1
    assert house.claim() is None
    assert house.row()["state"] == "failed"
    assert "attempts_exhausted" in str(house.row()["error"])


def test_a_job_handed_back_keeps_its_tries(house: House) -> None:
    house.recording("a")
    for _ in range(5):
        claim = house.claimed()
        house.do(lambda session, claim=claim: house.jobs.hand_back(session, claim))
    assert (house.row()["state"], house.row()["tries_left"]) == ("queued", 3)


ENDS: dict[str, Callable[[JobService, Session, Claim], object]] = {
    "the engine crashed": lambda jobs, session, claim: jobs.fail(session, claim, EngineCrashed()),
    "the server stops": lambda jobs, session, claim: jobs.hand_back(session, claim),
    "the worker died": lambda jobs, session, claim: jobs.sweep(session, everything=True),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_job_that_is_to_be_cancelled_does_not_come_back(house: House, end: str) -> None:
    house.recording("a")
    claim = house.claimed()
    house.do(lambda session: house.jobs.request_cancel(session, "a"))
    assert house.row()["state"] == "running"
    house.do(lambda session: ENDS[end](house.jobs, session, claim))
    assert house.row()["state"] == "cancelled"
    assert house.claim() is None


def test_cancelled_while_it_waits_and_only_once(house: House) -> None:
    house.recording("a")
    house.do(lambda session: house.jobs.request_cancel(session, "a"))
    assert house.row()["state"] == "cancelled"
    with pytest.raises(Conflict):
        house.do(lambda session: house.jobs.request_cancel(session, "a"))
    assert house.claim() is None


def test_urgent_first_then_whoever_waits_longest(house: House) -> None:
    for name, priority in {"a": Priority.LOW, "b": Priority.NORMAL, "c": Priority.HIGH}.items():
        for number in "12":
            house.recording(name + number, priority)
            house.later(1)
    order = []
    while claim := house.claim():
        order.append(claim.recording_id)
    assert order == ["c1", "c2", "b1", "b2", "a1", "a2"]


def test_a_retry_is_a_new_job_and_the_old_one_speaks_no_more(house: House) -> None:
    house.recording("a")
    with pytest.raises(Conflict):
        house.do(lambda session: house.jobs.retry(session, "a"))
    claim = house.claimed()
    house.do(lambda session: house.jobs.fail(session, claim, NoAudio()))
    house.do(lambda session: house.jobs.retry(session, "a"))
    assert (house.row()["state"], house.row()["tries_left"], house.row()["attempt"]) == ("queued", 3, 0)
    assert house.row()["id"] != claim.job_id


def test_a_worker_that_slept_does_not_free_its_own_job(house: House) -> None:
    house.recording("a")
    claim = house.claimed()
    house.later(LEASE * 10)
    with house.database.write() as session:
        assert house.jobs.sweep(session, sparing={claim.job_id}) == 0
    house.do(lambda session: house.jobs.renew(session, claim))
    assert house.sweep() == 0
    house.do(lambda session: house.jobs.complete(session, claim))
    assert house.row()["attempt"] == 1


def test_ends_failed_tries_and_freed_leases_are_counted_once(house: House) -> None:
    for name in ("done", "fails", "again", "lost", "unwanted", "cancelled"):
        house.recording(name)
    house.do(lambda session: house.jobs.complete(session, house.claimed_in(session)))
    house.do(lambda session: house.jobs.fail(session, house.claimed_in(session), NoAudio()))
    house.do(lambda session: house.jobs.fail(session, house.claimed_in(session), EngineCrashed()))
    assert house.claimed().recording_id == "lost"
    assert house.claimed().recording_id == "unwanted"
    house.do(lambda session: house.jobs.request_cancel(session, "unwanted"))
    house.do(lambda session: house.jobs.request_cancel(session, "cancelled"))
    house.later(LEASE + 1)
    assert house.sweep() == 2
    with house.database.read() as session:
        assert CounterService().values(session) == {
            (Counted.JOBS_ENDED, "completed"): 1,
            (Counted.JOBS_ENDED, "failed:no_audio"): 1,
            (Counted.JOBS_ENDED, "cancelled"): 2,
            (Counted.TRIES_FAILED, "engine_crashed"): 1,
            (Counted.LEASES_FREED, ""): 2,
        }


def test_a_stale_claim_counts_nothing(house: House) -> None:
    house.recording("a")
    stale = house.claimed()
    house.later(LEASE + 1)
    house.sweep()
    for write in WRITES.values():
        with pytest.raises(LeaseLost):
            house.do(lambda session, write=write: write(house.jobs, session, stale))  # type: ignore[misc]
    with house.database.read() as session:
        assert CounterService().values(session) == {(Counted.LEASES_FREED, ""): 1}


def test_the_load_is_told_by_priority(house: House) -> None:
    house.recording("a", Priority.HIGH)
    house.later(5)
    house.recording("b", Priority.HIGH)
    house.recording("c", Priority.LOW)
    assert house.claimed().recording_id == "a"
    house.later(7)
    with house.database.read() as session:
        load = {(one.queue, one.priority): (one.queued, one.oldest) for one in house.jobs.load(session)}
        running = house.jobs.running(session)
    assert {lane: found for lane, found in load.items() if found != (0, 0.0)} == {
        (JobQueue.CPU, Priority.HIGH): (1, 7.0),
        (JobQueue.CPU, Priority.LOW): (1, 7.0),
    }
    assert running == {JobQueue.CPU: 1, JobQueue.GPU: 0, JobQueue.REMOTE: 0, JobQueue.LLM: 0}


def test_a_job_knows_the_request_that_asked_for_it(house: House) -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        house.recording("a")
    house.recording("b")
    assert [house.claimed().origin for _ in "ab"] == [{"request_id": "abc"}, {}]


def test_each_attempt_takes_the_defaults_of_when_the_job_was_made(house: House) -> None:
    """Others would have it hear something else, and begin anew."""
    defaults = DefaultsService(house.database)
    with house.database.write() as session:
        owner_id = UserService(house.database).owner(session).id
    defaults.change(owner_id, vocabulary=["Tiro"])
    house.recording("one")
    defaults.change(owner_id, vocabulary=["Cicero"])
    claim = house.claimed()
    assert claim.defaults == Defaults(("Tiro",))
    house.do(lambda session: house.jobs.complete(session, claim))
    house.do(lambda session: house.jobs.retry(session, "one"))
    assert house.claimed().defaults == Defaults(("Cicero",))
