"""In which order waiting jobs are taken: fair between users, by queue and engine, with room for so many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.conftest import make_settings

from tiro.bootstrap.data import open_database
from tiro.db.tables import JobTable, RecordingTable, UserTable, WorkerTable
from tiro.errors import EngineCrashed, QueueFull
from tiro.events.embedded import EmbeddedEventHub
from tiro.features.counters.service import CounterService
from tiro.features.events.service import EventService
from tiro.features.jobs.fleet import Fleet, Worker
from tiro.features.jobs.service import Claim, JobService
from tiro.features.jobs.states import JobQueue, Priority
from tiro.features.rounds.service import RoundService
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.queue.embedded import EmbeddedQueue
from tiro.speech.options import TranscriptionOptions

GPU_ENGINE = "whisper"


class House:
    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch, room: int = 1000) -> None:
        self.database = open_database(make_settings(data))
        self.fleet = Fleet(alone=False)
        self.jobs = JobService(
            EventService(self.database, EmbeddedEventHub()),
            CounterService(),
            EmbeddedQueue(),
            attempts=3,
            lease_seconds=15,
            room=room,
            fleet=self.fleet,
            route=lambda _session, engine: JobQueue.GPU if engine == GPU_ENGINE else JobQueue.CPU,
        )
        self.count = 0
        self.now = datetime.fromisoformat("2026-01-01T12:00:00+00:00")
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def send(self, user: str, engine: str = "echo", priority: Priority = Priority.NORMAL) -> str:
        self.count += 1
        self.now += timedelta(milliseconds=1)
        name = f"{user}-{self.count}"
        with self.database.write() as session:
            if session.get(UserTable, user) is None:
                owner = UserService(self.database).owner(session)
                values = {c.name: getattr(owner, c.name) for c in UserTable.__table__.columns}
                session.add(UserTable(**(values | {"id": user, "name": user})))
                session.flush()
            session.add(
                RecordingTable(
                    id=name,
                    owner_id=user,
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
            self.jobs.enqueue(session, name, user, TranscriptionOptions(engine), priority)
        return name

    def claim(
        self, queues: tuple[str, ...] = ("cpu",), engines: tuple[str, ...] | None = None
    ) -> Claim | None:
        with self.database.write() as session:
            for queue in self.jobs.look(session, queues, engines).queues:
                if (claim := self.jobs.claim(session, "me", queue, engines)) is not None:
                    return claim
        return None

    def take(self, queues: tuple[str, ...] = ("cpu",), engines: tuple[str, ...] | None = None) -> str | None:
        claim = self.claim(queues, engines)
        return claim and claim.recording_id

    def waiting_for(self, recording_id: str) -> str | None:
        with self.database.read() as session:
            return self.jobs.waiting_for(session, self.jobs.latest(session, recording_id))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path / "data", monkeypatch)
    yield house
    house.database.close()


def test_a_batch_keeps_nobody_waiting(house: House) -> None:
    batch = [house.send("many") for _ in range(20)]
    assert [house.take() for _ in range(5)] == batch[:5]
    single = house.send("one")
    # The batch's next has the same turn and came first.
    assert [house.take() for _ in range(3)] == [batch[5], single, batch[6]]
    two = [house.send("one"), house.send("one")]
    taken = [house.take() for _ in range(5)]
    assert taken == [batch[7], two[0], batch[8], two[1], batch[9]]


def test_users_take_turns_whatever_they_send(house: House) -> None:
    for user, count in (("a", 6), ("b", 4), ("c", 2)):
        for _ in range(count):
            house.send(user)
    taken = [str(house.take())[0] for _ in range(12)]
    assert taken == list("abcabcababaa")


def test_priority_comes_before_turns(house: House) -> None:
    low = house.send("a", priority=Priority.LOW)
    normal = [house.send("a") for _ in range(3)]
    high = house.send("a", priority=Priority.HIGH)
    assert [house.take() for _ in range(5)] == [high, *normal, low]


def test_a_worker_takes_what_it_can_do(house: House) -> None:
    on_gpu, strange, plain = house.send("a", GPU_ENGINE), house.send("a", "strange"), house.send("a")
    assert house.take(("cpu",), ("echo",)) == plain
    assert house.take(("cpu",), ("echo",)) is None
    assert house.take(("gpu", "cpu"), (GPU_ENGINE, "echo")) == on_gpu
    assert house.take(("gpu", "cpu"), None) == strange


def test_of_two_queues_the_one_that_has_waited_longer_comes_first(house: House) -> None:
    names = [house.send("a", engine) for engine in (GPU_ENGINE, "echo", GPU_ENGINE, "echo")]
    assert [house.take(("cpu", "gpu")) for _ in range(4)] == names


def test_a_job_that_pauses_is_in_nobodys_way(house: House) -> None:
    first, second = house.send("a"), house.send("a")
    claim = house.claim()
    assert claim is not None
    assert claim.recording_id == first
    with house.database.write() as session:
        house.jobs.fail(session, claim, EngineCrashed())
        query = select(JobTable.paused_until).where(JobTable.recording_id == first)
        assert session.scalar(query) is not None
        assert not house.jobs.look(session, ("cpu",), None).pause_over
    assert house.take() == second
    assert house.take() is None
    house.now += timedelta(seconds=2)
    with house.database.write() as session:
        assert house.jobs.look(session, ("cpu",), None).pause_over
        house.jobs.end_pauses(session)
    assert house.take() == first


def test_a_full_queue_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path / "data", monkeypatch, room=3)
    for _ in range(3):
        house.send("a")
    with pytest.raises(QueueFull) as caught:
        house.send("b")
    assert caught.value.status == 503
    assert caught.value.retry_after
    with house.database.read() as session:
        assert session.get(RecordingTable, "b-4") is None
    house.take()
    house.jobs._room._counted_at = 0.0  # a second later
    house.send("b")
    house.database.close()


def test_a_job_that_nobody_can_do_says_what_it_waits_for(house: House) -> None:
    name = house.send("a", GPU_ENGINE)
    assert house.waiting_for(name) == "a worker for the queue gpu with the engine whisper"
    worker = Worker("w", "host", ("cpu", "gpu"), ("echo",), 2)
    for engines, served in ((("echo",), False), (("echo", GPU_ENGINE), True), (None, True)):
        with house.database.write() as session:
            house.fleet.leave(session, worker)
            house.fleet.beat(session, Worker("w", "host", ("cpu", "gpu"), engines, 2))
        house.fleet._known_at = float("-inf")
        assert (house.waiting_for(name) is None) is served
        with house.database.read() as session:
            assert bool(house.fleet.stranded(session)) is not served
    house.now += timedelta(seconds=30)  # without a heartbeat
    house.fleet._known_at = float("-inf")
    assert house.waiting_for(name) is not None
    house.take(("gpu",))
    assert house.waiting_for(name) is None


def test_heartbeats_keep_a_worker_alive_and_the_dead_are_forgotten(house: House) -> None:
    one, two = (Worker(name, "host", ("cpu",), None, 1) for name in ("one", "two"))
    with house.database.write() as session:
        house.fleet.beat(session, one)
    for _ in range(4):
        house.now += timedelta(seconds=15)
        with house.database.write() as session:
            house.fleet.beat(session, one)
    house.fleet._known_at = float("-inf")
    with house.database.read() as session:
        assert [worker.id for worker in house.fleet.alive(session)] == ["one"]
    house.now += timedelta(hours=2)
    with house.database.write() as session:
        house.fleet.beat(session, two)
        assert session.scalars(select(WorkerTable.id)).all() == ["two"]


def test_a_round_is_done_by_one(house: House) -> None:
    one, two = RoundService(house.database), RoundService(house.database)
    assert [one.take("r", 60), two.take("r", 60), one.take("other", 60)] == [True, False, True]
    one.done("r", 60)
    assert not two.take("r", 60)
    house.now += timedelta(seconds=61)
    assert [two.take("r", 60), one.take("r", 60)] == [True, False]
    # Whoever began it has died: in ten minutes another does it.
    house.now += timedelta(seconds=590)
    assert not one.take("r", 60)
    house.now += timedelta(seconds=20)
    assert one.take("r", 60)


def test_the_claim_reads_an_index_that_ended_jobs_are_not_in(house: House) -> None:
    house.send("a")
    with house.database.write() as session:
        session.execute(update(JobTable).values(turn=5))
        plan = session.connection().exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE state = 'queued' AND paused_until IS NULL "
            "AND queue = 'cpu' ORDER BY priority, turn, id LIMIT 1"
        )
        assert "ix_jobs_claim" in str(plan.all())
