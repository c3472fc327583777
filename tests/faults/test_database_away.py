"""R9 on PostgreSQL: the server goes, says so, and comes back with it; and a start without a database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import ROUNDS
from tests.conftest import make_settings
from tests.databases import SECRET
from tests.makecall import wav
from tests.services.postgres import Postgres, postgres
from tests.serving import ThreadServer, thread_server, wait_until

from tiro.bootstrap.data import open_database
from tiro.errors import DatabaseBusy, DatabaseRefused


@pytest.fixture
def server_of_ones_own() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    [
        (0.5, 1),
        pytest.param(30.0, ROUNDS, marks=[pytest.mark.slow, pytest.mark.timeout(300 * ROUNDS)]),
    ],
)
def test_r9_the_database_goes_and_comes_back(
    server_of_ones_own: Postgres, tmp_path: Path, seconds: float, rounds: int
) -> None:
    settings = make_settings(tmp_path, database={"url": server_of_ones_own.database()})
    with thread_server(settings) as server:
        assert server.client.send_file("call.wav", wav(1), wait=30).json()["status"] == "completed"
        for _ in range(rounds):
            server_of_ones_own.stop()
            _assert_away(server)
            time.sleep(seconds)
            _assert_away(server)
            server_of_ones_own.start()
            wait_until(lambda: server.client.get("/ready").status_code == 200, what="its return")
            done = server.client.send_file("call.wav", wav(1), wait=30).json()
            assert done["status"] == "completed"
        detail = server.client.get("/api/v1/health").json()["components"]["database"]["detail"]
        assert detail.startswith("PostgreSQL 18")


def _assert_away(server: ThreadServer) -> None:
    assert server.client.get("/live").status_code == 200
    for answer in (
        server.client.get("/ready"),
        server.client.get("/api/v1/transcribe"),
        server.client.send_file("call.wav", wav(1)),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_busy"), answer.text
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.slow
def test_a_database_that_comes_late_is_waited_for(server_of_ones_own: Postgres, tmp_path: Path) -> None:
    address = server_of_ones_own.empty_database()
    server_of_ones_own.stop()
    settings = make_settings(tmp_path, database={"url": address})
    with pytest.raises(DatabaseBusy, match=r"did not answer within 0\.2 s"):
        open_database(settings, wait=0.2)
    log = tmp_path / "log"
    environment = {"TIRO_DATA": str(tmp_path), "TIRO_DATABASE_URL": address.replace("@", ":hush@")}
    environment["TIRO_AUTH_SECRET"] = SECRET
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tiro.cli.main", "serve", "--port", "0"],
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "database.waiting" in log.read_text(), what="a word of what it waits for")
        server_of_ones_own.start()
        wait_until(lambda: "listens on" in log.read_text(), what="the server's start")
    finally:
        process.terminate()
        process.wait()
    said = log.read_text()
    assert f"{server_of_ones_own.folder}/tiro_1" in said
    assert "hush" not in said


def test_what_waiting_does_not_mend_ends_at_once(tmp_path: Path) -> None:
    server = postgres()
    if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'locked'"):
        server.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    for address in (server.url("nothing_of_this_name"), server.url(user="locked", password="wrong")):
        with pytest.raises(DatabaseRefused):
            open_database(make_settings(tmp_path, database={"url": address}), wait=60)
    server.execute("CREATE DATABASE of_bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with pytest.raises(DatabaseRefused, match="--encoding UTF8"):
        open_database(make_settings(tmp_path, database={"url": server.url("of_bytes")}), wait=60)
    with pytest.raises(DatabaseRefused, match="names no database"):
        open_database(make_settings(tmp_path, database={"url": "mysql://x/y"}), wait=60)


@pytest.mark.slow
def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """In a process of its own, where the driver cannot be found."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from tiro.cli.main import main; sys.argv = ['tiro', 'db', 'current']; main()"
    )
    environment = {"TIRO_DATA": str(tmp_path), "TIRO_DATABASE_URL": "postgresql://h/x", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 6
    assert "pip install 'tiro[cluster]'" in done.stderr
