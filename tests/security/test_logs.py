"""S15: no secret and no transcript in a log, whatever its format, and nothing that steers a terminal."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.databases import address_of
from tests.makecall import wav
from tests.serving import ServerProcess, server_process, wait_until

from tiro.db.session import Database


@pytest.fixture(scope="module", params=["json", pytest.param("text", marks=pytest.mark.slow)])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A process, for only one has a log; the tests of a style share it."""
    with server_process(tmp_path_factory.mktemp("data") / "data", log_format=request.param) as running:
        yield running


def test_a_path_cannot_steer_the_terminal(server: ServerProcess) -> None:
    assert server.client.get("/b%1b%5b2J%0d%0aforged").status_code == 404
    # The line is written after the answer has gone out.
    wait_until(lambda: "forged" in server.log(), what="the request in the log")
    assert "\x1b[2J" not in server.log()
    assert not any(line.startswith("forged") for line in server.log().splitlines())


def test_a_crash_tells_the_log_no_secret(server: ServerProcess) -> None:
    key = (server.data / "key").read_text().strip()
    done = server.client.send_file("call.wav", wav(5), wait=30).json()
    said = done["transcript"]["segments"][0]["text"]
    engine = Database(address_of(server.data)).engine
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE recordings RENAME TO gone"))
    answer = server.client.get("/api/v1/transcribe")
    assert answer.status_code in {500, 503}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO recordings"))
    engine.dispose()
    log = server.log()
    assert "request.crashed" in log
    assert key not in log
    assert said not in log


def test_a_sender_that_hangs_up_is_no_crash_of_ours(server: ServerProcess) -> None:
    """The last here: it stops the server, to see all of its log."""
    before = len(server.log())
    key = (server.data / "key").read_text().strip()
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            f"POST /api/v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nRIFF'.encode()
        )
    assert server.client.get("/live").status_code == 200
    server.stop()
    log = server.log()[before:]
    assert "crashed" not in log
    assert "Traceback" not in log
    assert not list((server.data / "incoming").iterdir())
