"""The whole way in short: PostgreSQL, Redis, and API, worker and beat as processes of their own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster import cluster
from tests.makecall import wav
from tests.serving import wait_until

pytestmark = pytest.mark.slow

ROUNDS = {"retention", "idempotency", "audit", "orphans", "passing"}


def test_a_worker_elsewhere_does_what_the_api_takes_in(tmp_path: Path) -> None:
    with cluster(tmp_path, lease_seconds=10) as house, ExitStack() as stack:
        client = stack.enter_context(house.api())
        answer = client.send_file("call.wav", wav(seconds=2))
        assert answer.status_code == 202, answer.text
        first = answer.json()["session_id"]
        lack = "a worker for the queue cpu with the engine echo"
        assert client.session(first)["waiting_for"] == lack
        broker = client.get("/api/v1/health").json()["components"]["broker"]
        assert (broker["status"], broker["detail"][:6]) == ("ok", "Redis ")
        with house.worker("--concurrency", "2") as worker:
            sent = [first, *(house.send(wav(seconds=2), "echo") for _ in range(4))]
            for recording_id in sent:
                assert house.until(recording_id, "completed")["attempt"] == 1
                house.sound(recording_id)
            assert client.session(first)["status"] == "completed"
            wait_until(
                lambda: house.rows("SELECT queues FROM workers")[0]["queues"] == ["cpu", "remote", "llm"],
                what="the heartbeat",
            )
            worker.terminate()
            assert worker.wait(60) == 0
        assert not house.rows("SELECT * FROM workers")


def test_beat_does_what_is_to_be_done_regularly(tmp_path: Path) -> None:
    with cluster(tmp_path) as house:
        assert not house.rows("SELECT * FROM rounds")
        with house.process("beat", ready="at work") as beat:
            wait_until(
                lambda: {row["name"] for row in house.rows("SELECT name FROM rounds")} >= ROUNDS,
                what="the rounds",
            )
            beat.terminate()
            assert beat.wait(60) == 0
