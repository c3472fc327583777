"""What every database promises to those who write: the same suite on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from tests.conftest import make_settings
from tests.services.postgres import Postgres, postgres
from tests.serving import wait_until
from tests.workers import runtime_of

from tiro.bootstrap.data import open_database
from tiro.bootstrap.server import Runtime
from tiro.db.migrate import SCHEMA, revision
from tiro.db.session import Database, after_commit, database_version
from tiro.db.tables import CounterTable, EventTable, JobTable, RecordingTable
from tiro.errors import DatabaseBusy, DatabaseRefused, InvalidRequest, LeaseLost
from tiro.features.events import repository as log
from tiro.kit import clock
from tiro.kit.ids import uuid7
from tiro.speech.options import TranscriptionOptions

SIDES = ["sqlite", "postgresql"]


@pytest.fixture(params=SIDES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """The setting for a new database of either kind."""
    return postgres().database() if request.param == "postgresql" else None


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    database = open_database(make_settings(tmp_path / "data", database={"url": url}))
    yield database
    database.close()


@pytest.fixture
def runtime(url: str | None, tmp_path: Path) -> Iterator[Runtime]:
    settings = make_settings(tmp_path / "data", database={"url": url}, jobs={"lease_seconds": 15.0})
    with runtime_of(settings) as runtime:
        yield runtime


def put(database: Database, value: float, *, shared: bool = False) -> None:
    with database.write(shared=shared) as session:
        session.add(CounterTable(metric="m", label=str(value), value=value))


def values(database: Database) -> list[float]:
    with database.read() as session:
        return sorted(session.scalars(text("SELECT value FROM counters")))


def queued(runtime: Runtime) -> str:
    """A recording with its job, as the rows alone; its id."""
    recording_id = str(uuid7())
    with runtime.database.write() as session:
        owner_id = runtime.users.owner(session).id
        row = {"title": "a", "filename": "a", "size": 2**32, "sha256": "0", "media": None, "passing": False}
        row |= {"id": recording_id, "owner_id": owner_id, "created_at": clock.now()}
        session.add(RecordingTable(**row))
        session.flush()
        runtime.jobs.enqueue(session, recording_id, owner_id, TranscriptionOptions("echo"))
    return recording_id


# --- transactions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
def test_all_or_nothing_and_told_after_the_commit(database: Database, shared: bool) -> None:
    told: list[list[float]] = []
    with database.write(shared=shared) as session:
        session.add(CounterTable(metric="m", label="1", value=1))
        session.flush()
        after_commit(session, lambda: told.append(values(database)))
        assert values(database) == []
        assert told == []
    assert told == [[1]]

    def broken() -> None:
        with database.write(shared=shared) as session:
            session.add(CounterTable(metric="m", label="2", value=2))
            session.flush()
            after_commit(session, lambda: told.append([]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert (values(database), len(told)) == ([1], 1)


def test_a_reader_sees_one_state(database: Database) -> None:
    put(database, 1)
    with database.read() as session:
        before = list(session.scalars(text("SELECT value FROM counters")))
        put(database, 2)
        put(database, 3, shared=True)
        assert list(session.scalars(text("SELECT value FROM counters"))) == before == [1]
    assert values(database) == [1, 2, 3]


def test_a_session_is_of_no_use_after_its_block(database: Database) -> None:
    """It would take a connection, and nobody would give that back."""
    for block in (database.read(), database.write(), database.write(shared=True)):
        with block as session:
            pass
        with pytest.raises(InvalidRequestError):
            session.scalar(text("SELECT 1"))
    assert database.connections()[0] == 0


def test_writers_that_do_not_share_exclude_each_other(database: Database) -> None:
    """Read, then write: with two at once some would be lost."""
    put(database, 0)
    again = Database(database.engine.url)  # as another process's

    def count(turn: int) -> None:
        with (database, again)[turn % 2].write() as session:
            value = session.scalar(text("SELECT value FROM counters"))
            session.execute(update(CounterTable).values(value=value + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    again.close()
    assert values(database) == [40]


def test_writers_that_share_do_not_wait_for_each_other_on_postgresql() -> None:
    database = Database(postgres().database())
    with database.write(shared=True) as first, database.write(shared=True) as second:
        first.add(CounterTable(metric="m", label="1", value=1))
        second.add(CounterTable(metric="m", label="2", value=2))
    assert values(database) == [1, 2]
    database.close()


def test_a_read_changes_nothing_on_postgresql() -> None:
    database = Database(postgres().database())
    with pytest.raises(DBAPIError, match="read-only"), database.read() as session:
        session.execute(update(CounterTable).values(value=1))
    database.close()


@pytest.mark.parametrize("kept", ["a\0b", "ä € 𝄞"])
def test_text_is_kept_or_cleaned_alike(database: Database, kept: str) -> None:
    with database.write() as session:
        session.add(CounterTable(metric=kept, label="", value=1))
    with database.read() as session:
        assert session.get_one(CounterTable, (kept, "")).metric == kept.replace("\0", "\ufffd")


def test_moments_keep_their_zone(runtime: Runtime) -> None:
    recording_id = queued(runtime)
    with runtime.database.read() as session:
        job = runtime.jobs.latest(session, recording_id)
        assert abs((clock.now() - job.created_at).total_seconds()) < 60
        assert job.created_at.utcoffset() is not None


# --- the log ----------------------------------------------------------------------------------------


def test_who_follows_a_log_misses_nothing(runtime: Runtime) -> None:
    """Of two writers the one that has its number first commits last: whoever looked in between and goes on
    after the greatest number would have stepped over it."""
    recording_id = queued(runtime)
    last = runtime.events.last(recording_id)
    entered = threading.Event()
    seen: list[int] = []

    def late() -> None:
        entered.set()
        with suppress(DatabaseBusy), runtime.database.write(shared=True) as session:
            log.append(session, recording_id, "stage", {"stage": "b"}, clock.now())

    with runtime.database.write(shared=True) as session:
        log.append(session, recording_id, "stage", {"stage": "a"}, clock.now())
        session.flush()
        other = threading.Thread(target=late)
        other.start()
        entered.wait()
        # It either waits for us, or is done by now and seen.
        other.join(0.5)
        with runtime.database.read() as looking:
            rows = log.after(looking, recording_id, last, 100)
            seen += [row.seq for row in rows]
            last = rows[-1].seq if rows else last
    other.join()
    with runtime.database.read() as looking:
        seen += [row.seq for row in log.after(looking, recording_id, last, 100)]
        written = looking.query(EventTable).filter_by(recording_id=recording_id, type="stage")
        assert seen == sorted(row.seq for row in written)
    assert len(seen) == 2


# --- jobs -------------------------------------------------------------------------------------------


def test_eight_workers_never_take_a_job_twice(runtime: Runtime) -> None:
    waiting = 12
    for _ in range(waiting):
        queued(runtime)
    taken: list[str] = []

    def work(number: int) -> None:
        while True:
            with runtime.database.write(shared=True) as session:
                claim = runtime.jobs.claim(session, f"worker {number}")
            if claim is None:
                return
            taken.append(claim.job_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (len(taken), len(set(taken))) == (waiting, waiting)


def test_whoever_lost_the_lease_changes_nothing(runtime: Runtime) -> None:
    queued(runtime)
    with runtime.database.write(shared=True) as session:
        stale = runtime.jobs.claim(session, "first")
    assert stale is not None
    with runtime.database.write() as session:
        session.execute(update(JobTable).values(attempt=JobTable.attempt + 1))

    def write() -> None:
        with runtime.database.write(shared=True) as session:
            runtime.jobs.record_window(session, stale, 0, {})
            runtime.jobs.describe(session, stale, position=1.0)

    with pytest.raises(LeaseLost):
        write()
    with runtime.database.read() as session:
        assert runtime.jobs.windows(session, stale) == []


# --- what it says when it cannot --------------------------------------------------------------------


def test_it_names_itself(database: Database) -> None:
    with database.read() as session:
        assert database_version(session).split()[0] in {"SQLite", "PostgreSQL"}
    assert revision(database) == SCHEMA


def test_a_stuck_writer_is_waited_for_and_then_told(url: str | None, tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data", database={"url": url})
    first, second = open_database(settings), open_database(settings)
    quick = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = 50"}
    with second.engine.connect() as connection:
        connection.exec_driver_sql(quick[second.engine.dialect.name])
        connection.commit()
    with first.write(), pytest.raises(DatabaseBusy) as told, second.write():
        pass
    assert told.value.retry_after
    first.close()
    second.close()


def test_of_two_that_wait_for_each_other_one_is_told_to_come_again() -> None:
    """As far as PostgreSQL goes; on SQLite nobody writes beside another."""
    database = Database(postgres().database())
    put(database, 1.0)
    put(database, 2.0)
    both = threading.Barrier(2)
    told: list[DatabaseBusy] = []

    def cross(*order: str) -> None:
        try:
            with database.write(shared=True) as session:
                for label in order:
                    change = update(CounterTable).where(CounterTable.label == label)
                    session.execute(change.values(value=CounterTable.value + 10))
                    if label == order[0]:
                        both.wait()
        except DatabaseBusy as error:
            told.append(error)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda order: cross(*order), [("1.0", "2.0"), ("2.0", "1.0")]))
    (error,) = told
    assert error.retry_after
    assert values(database) == [11, 12]
    database.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("53300", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("40001", DatabaseBusy),
        ("57014", DatabaseBusy),
        ("57P01", DatabaseBusy),
        ("53100", "StorageFull"),
        ("28P01", DatabaseRefused),
        ("22003", InvalidRequest),
        ("42601", DBAPIError),
    ],
)
def test_what_postgresql_says_becomes_an_error_of_ours(code: str, error: type[Exception] | str) -> None:
    database = Database(postgres().database())
    with pytest.raises(Exception) as raised, database.write() as session:  # noqa: PT011
        session.execute(text(f"DO $$ BEGIN RAISE 'x' USING ERRCODE = '{code}'; END $$"))
    assert type(raised.value).__name__ == error if isinstance(error, str) else raised.type
    if not isinstance(error, str):
        assert isinstance(raised.value, error)
    database.close()


def test_a_connection_that_broke_while_idle_is_replaced() -> None:
    server = postgres()
    database = Database(server.database())
    put(database, 1)
    _cut(server, database)
    put(database, 2)
    _cut(server, database)
    assert values(database) == [1, 2]
    database.close()


def _cut(server: Postgres, database: Database) -> None:
    """End the database's connections, as a proxy or an administrator does."""
    name = database.engine.url.database
    server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    still = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}'"
    wait_until(lambda: not server.execute(still), what="the end of the connections")


def test_of_many_that_begin_together_one_makes_the_owners_key(runtime: Runtime) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(runtime.keys.create_first, ["owner"] * 4))
    assert sum(one is not None for one in made) == 1
    assert len(runtime.keys.list()) == 1
