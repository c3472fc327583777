"""Many people at two API instances at once, with one worker behind them, on PostgreSQL and Redis."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from tests.cluster import Cluster, cluster
from tests.makecall import wav
from tests.serving import Client, wait_until

from tiro.bootstrap.data import inspect_data
from tiro.kit.ids import uuid7

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DOOR = "/api/v1/transcribe"
THREADS, TURNS = 8, 40
CALL = wav(seconds=2)


@dataclass
class House:
    """A cluster with two API instances at ``addresses``."""

    cluster: Cluster
    addresses: list[str]
    key: str

    @contextmanager
    def client(self, number: int) -> Iterator[Client]:
        """Of one instance or the other."""
        with Client(self.addresses[number % 2], self.key) as client:
            yield client


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with cluster(tmp_path_factory.mktemp("crowd"), lease_seconds=3) as found, ExitStack() as processes:
        processes.enter_context(found.worker("--concurrency", "2"))
        addresses = []
        for _ in range(2):
            unlimited = {"limits_address": "0", "limits_key": "0"}
            processes.enter_context(found.process("api", "--port", "0", ready="listens on", **unlimited))
            said = re.search(r"listens on\S* (http://[\w.:]+)", found.logs[-1].read_text())
            assert said
            addresses.append(said.group(1))
        _, key = found.runtime.keys.create("crowd")
        yield House(found, addresses, key)


@dataclass
class Crowd:
    """What the people know: recordings that are there, and those that were taken away. Each picks any, also
    one that another is just about to change."""

    kept: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def some(self, chance: random.Random) -> str | None:
        with self.lock:
            # Of the newest, so that several are after the same one, and workers too.
            return chance.choice(sorted(self.kept)[-4:]) if self.kept else None


class Person:
    """Does one thing after another. Whatever is answered is one of what the thing may answer."""

    def __init__(self, crowd: Crowd, client: Client, number: int) -> None:
        self._crowd = crowd
        self._client = client
        self._chance = random.Random(number)
        self._deeds = [self.upload, self.edit, self.cancel, self.delete, self.retry, self.use_a_key]
        self._deeds += [self.tag, self.comment, self.list]

    def act(self) -> None:
        for _ in range(TURNS):
            self._chance.choice(self._deeds)()

    def upload(self) -> None:
        answer = self._ask("POST", DOOR, {202}, files={"audio": ("a.wav", CALL)}, data={"engine": "echo"})
        with self._crowd.lock:
            self._crowd.kept.add(answer.json()["session_id"])

    def edit(self) -> None:
        if (one := self._some()) is None:
            return
        answer = self._ask("GET", f"{DOOR}/{one}", {200, 404})
        if answer.status_code == 200:
            version = max(1, answer.json()["transcript"]["version"])
            change = {"op": "insert", "start_time": 0, "end_time": 1, "text": f"said {uuid7()}"}
            wish = {"version": version, "changes": [change]}
            self._ask("PATCH", f"{DOOR}/{one}/transcript", {200, 404, 409}, json=wish)

    def cancel(self) -> None:
        if one := self._some():
            self._ask("POST", f"{DOOR}/{one}/cancel", {200, 202, 204, 404, 409})

    def retry(self) -> None:
        if one := self._some():
            self._ask("POST", f"{DOOR}/{one}/retry", {202, 404, 409})

    def delete(self) -> None:
        if one := self._some():
            answer = self._ask("DELETE", f"{DOOR}/{one}", {204, 404})
            with self._crowd.lock:
                self._crowd.kept.discard(one)
                if answer.status_code == 204:
                    assert one not in self._crowd.gone
                    self._crowd.gone.add(one)

    def use_a_key(self) -> None:
        made = self._ask("POST", "/api/v1/keys", {201}, json={"name": "one"}).json()
        with Client(str(self._client.base_url), made["secret"]) as other:
            assert other.get(DOOR).status_code == 200
        self._ask("DELETE", f"/api/v1/keys/{made['id']}", {204})

    def tag(self) -> None:
        if one := self._some():
            tags = self._chance.sample(["red", "green", "blue"], 2)
            self._ask("PATCH", f"{DOOR}/{one}", {200, 404}, json={"tags": tags})

    def comment(self) -> None:
        if one := self._some():
            self._ask("POST", f"{DOOR}/{one}/comments", {201, 404}, json={"text": "indeed"})

    def list(self) -> None:
        self._ask("GET", DOOR, {200}, params={"status": "completed", "tag": "red"})

    def _some(self) -> str | None:
        return self._crowd.some(self._chance)

    def _ask(self, method: str, path: str, expected: set[int], **request: object) -> httpx.Response:
        """Whoever is told to come again does so, as any client would."""
        while True:
            answer = self._client.request(method, path, **request)  # type: ignore[arg-type]
            what = f"{method} {re.sub(r'[0-9a-f-]{36}', '…', path)}"
            with self._crowd.lock:
                self._crowd.answers[what, answer.status_code] += 1
            if answer.status_code != 503:
                assert answer.status_code in expected, f"{what}: {answer.status_code} {answer.text}"
                return answer
            time.sleep(int(answer.headers["retry-after"]))


def test_a_crowd_at_two_instances_harms_nothing(house: House) -> None:
    crowd = Crowd()

    def visit(number: int) -> None:
        with house.client(number) as client:
            Person(crowd, client, number).act()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(visit, range(THREADS)))
    print(*sorted(crowd.answers.items()), sep="\n")
    rows = house.cluster.rows
    wait_until(
        lambda: not house.cluster.states().keys() & {"queued", "running"}, seconds=60, what="the last job"
    )
    assert {row["id"] for row in rows("SELECT id FROM recordings")} == crowd.kept
    assert crowd.gone
    for row in rows("SELECT recording_id FROM jobs WHERE latest AND state = 'completed'"):
        told = "SELECT data FROM events WHERE recording_id = %s AND type = 'state' ORDER BY seq"
        assert rows(told, row["recording_id"])[-1]["data"]["status"] == "completed"
    assert not {status for (_, status) in crowd.answers} & {500, 502}
    # Nobody waited for each other; where two once did, one of them was told to come again.
    (found,) = rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert found["deadlocks"] == 0
    assert not [finding for finding in inspect_data(house.cluster.settings) if finding.faults]
    for log in house.cluster.logs:
        assert "Traceback" not in log.read_text()


def test_r6_fifty_at_once_at_two_instances_are_one(house: House) -> None:
    token = {"Idempotency-Key": str(uuid7())}
    before = house.cluster.rows("SELECT id FROM jobs")
    together = threading.Barrier(50)

    def send(number: int) -> str:
        with house.client(number) as client:
            together.wait()
            while True:
                answer = client.send_file("a.wav", CALL, headers=token)
                if answer.status_code == 202:
                    return str(answer.json()["session_id"])
                assert (answer.status_code, answer.json()["code"]) == (409, "request_under_way"), answer.text
                time.sleep(int(answer.headers["retry-after"]))

    with ThreadPoolExecutor(50) as pool:
        (made,) = set(pool.map(send, range(50)))
    found = house.cluster.rows("SELECT id, recording_id FROM jobs")
    assert [row["recording_id"] for row in found if {"id": row["id"]} not in before] == [made]
    for number in range(2):
        with house.client(number) as client:
            other = client.send_file("a.wav", wav(seconds=1), headers=token)
            assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch"), other.text
