"""The whole way in short: an API instance, PostgreSQL, Redis, and a worker in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import cluster
from tests.makecall import wav
from tests.serving import wait_until


def test_a_worker_elsewhere_does_what_the_api_takes_in(tmp_path: Path) -> None:
    with cluster(tmp_path, lease_seconds=3) as house:
        first = house.send(wav(seconds=2), "echo")
        lack = "a worker for the queue cpu with the engine echo"
        assert house.runtime.recordings.result(first, None).waiting_for == lack
        with house.worker("--concurrency", "2") as worker:
            sent = [first, *(house.send(wav(seconds=2), "echo") for _ in range(4))]
            for recording_id in sent:
                assert house.until(recording_id, "completed")["attempt"] == 1
                house.sound(recording_id)
            wait_until(
                lambda: house.rows("SELECT queues FROM workers")[0]["queues"] == ["cpu", "remote", "llm"],
                what="the heartbeat",
            )
            worker.terminate()
            assert worker.wait(20) == 0
        assert not house.rows("SELECT * FROM workers")
