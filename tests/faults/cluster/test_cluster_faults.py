"""R3 to R6, R10 and R16 on PostgreSQL, Redis, S3 and real workers, which are killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import countingengine
from tests.cluster import ROUNDS, Cluster, cluster
from tests.makecall import wav
from tests.services.redis import Redis
from tests.services.s3 import s3
from tests.serving import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * ROUNDS)]

LEASE = 3.0
CALL = wav(seconds=50, channels=2)


@pytest.fixture(scope="module")
def engine_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with countingengine.installed(tmp_path_factory.mktemp("engine")) as log:
        yield log


@pytest.fixture
def house(tmp_path: Path, engine_log: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, storage=s3().settings(), lease_seconds=LEASE) as found:
        yield found


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory, engine_log: Path) -> int:
    """How often the engine is asked for the call, in peace."""
    before = countingengine.asked(engine_log)
    with cluster(tmp_path_factory.mktemp("peace")) as house, house.worker("--concurrency", "1"):
        house.until(house.send(CALL, "counting"), "completed")
    return countingengine.asked(engine_log) - before


def test_a_killed_workers_job_is_picked_up(house: Cluster, engine_log: Path, requests: int) -> None:
    """R3, and the figure: a live worker has it within the lease and ten seconds."""
    for _ in range(ROUNDS):
        with house.worker("--concurrency", "1") as one, house.worker("--concurrency", "1") as two:
            recording_id = house.send(CALL, "counting:0.1")
            wait_until(lambda: house.windows(recording_id) >= 2, what="two windows")  # noqa: B023
            owner = house.job(recording_id)["owner"]
            victim = one if f":{one.pid}:" in owner else two
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            killed = time.monotonic()
            recorded, asked = house.windows(recording_id), countingengine.asked(engine_log)
            wait_until(
                lambda: house.job(recording_id)["attempt"] == 2,  # noqa: B023
                seconds=LEASE + 10,
                what="the pick-up",
            )
            print(f"picked up after {time.monotonic() - killed:.1f} s")
            assert house.until(recording_id, "completed", seconds=90)["attempt"] == 2
        house.sound(recording_id)
        assert countingengine.asked(engine_log) - asked == requests - recorded


def test_a_worker_that_was_taken_for_dead_changes_nothing(house: Cluster, engine_log: Path) -> None:
    """R4."""
    for _ in range(ROUNDS):
        with house.worker("--concurrency", "1") as zombie:
            recording_id = house.send(CALL, "counting:0.1")
            wait_until(lambda: house.windows(recording_id) >= 1, what="the first window")  # noqa: B023
            zombie.send_signal(signal.SIGSTOP)
            with house.worker("--concurrency", "1"):
                job = house.until(recording_id, "completed", seconds=90)
            assert job["attempt"] == 2
            query = "SELECT * FROM events WHERE recording_id = %s ORDER BY seq"
            done = house.rows(query, recording_id)
            zombie.send_signal(signal.SIGCONT)
            log = house.logs[-2]
            wait_until(lambda: "job.lease_lost" in log.read_text(), what="the zombie's insight")  # noqa: B023
            zombie.terminate()
            assert zombie.wait(60) == 0
        assert house.rows(query, recording_id) == done
        assert house.job(recording_id) == job
        house.sound(recording_id)


def test_a_job_longer_than_lease_and_visibility_runs_once(house: Cluster, engine_log: Path) -> None:
    """R5: the visibility timeout is ten seconds."""
    with house.worker("--concurrency", "2"), house.worker("--concurrency", "2"):
        sent = [house.send(wav(seconds=60), "counting:0.3") for _ in range(ROUNDS)]
        for recording_id in sent:
            job = house.until(recording_id, "completed", seconds=120)
            assert job["attempt"] == 1
            assert job["busy_seconds"] > 10
            house.sound(recording_id)


def test_wake_ups_by_the_dozen_run_each_job_once(house: Cluster) -> None:
    """R6."""
    with house.worker("--concurrency", "2"), house.worker("--concurrency", "2"):
        for _ in range(ROUNDS):
            sent = [house.send(wav(seconds=2), "echo") for _ in range(5)]
            for _ in range(5):
                house.runtime.ports.queue.wake("cpu")
            for recording_id in sent:
                assert house.until(recording_id, "completed")["attempt"] == 1
    query = "SELECT count(*) AS n FROM events WHERE type = 'state' AND data->>'status' = 'running'"
    assert house.rows(query)[0]["n"] == 5 * ROUNDS


def test_redis_killed_and_emptied_with_fifty_waiting(tmp_path: Path, engine_log: Path) -> None:
    """R10."""
    redis = Redis()
    try:
        with (
            cluster(tmp_path, redis=redis, storage=s3().settings(), lease_seconds=LEASE) as house,
            house.worker("--concurrency", "2"),
        ):
            for turn in range(ROUNDS):
                sent = [house.send(wav(seconds=2), "echo") for _ in range(20)]
                redis.kill()
                sent += [house.send(wav(seconds=2), "echo") for _ in range(20)]
                time.sleep(1)
                redis.start()
                sent += [house.send(wav(seconds=2), "echo") for _ in range(10)]
                redis.command("FLUSHALL")
                wait_until(
                    lambda: house.states().get("completed", 0) == 50 * (turn + 1),  # noqa: B023
                    seconds=90,
                    what="the end of all fifty",
                )
                assert {house.job(recording_id)["attempt"] for recording_id in sent} == {1}
    finally:
        redis.close()


def test_a_graceful_stop_loses_nothing(house: Cluster, engine_log: Path, requests: int) -> None:
    """R16."""
    for _ in range(ROUNDS):
        with house.worker("--concurrency", "1") as worker:
            recording_id = house.send(CALL, "counting:0.03")
            wait_until(lambda: house.windows(recording_id) >= 1, what="the first window")  # noqa: B023
            worker.terminate()
            assert worker.wait(60) == 0
        job = house.job(recording_id)
        assert (job["state"], job["attempt"], job["tries_left"], job["owner"]) == ("queued", 1, 3, None)
        recorded, asked = house.windows(recording_id), countingengine.asked(engine_log)
        assert 1 <= recorded < requests
        with house.worker("--concurrency", "1"):
            house.until(recording_id, "completed", seconds=90)
        house.sound(recording_id)
        assert countingengine.asked(engine_log) - asked == requests - recorded
