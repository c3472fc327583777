"""S18: what arrives too slowly, too large or in too many pieces is ended soon, and holds up nobody."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, ThreadServer, thread_server, wait_until

DOOR, LOGIN = "/api/v1/transcribe", "/api/v1/auth/login"
HEADERS, BODY, RATE = 1.0, 1.0, 1000
SPEECH = wav(seconds=1)
Body = Callable[[], Iterator[bytes]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    http = {"header_seconds": HEADERS, "body_seconds": BODY, "body_rate": RATE}
    with thread_server(make_settings(tmp_path_factory.mktemp("data"), http=http)) as running:
        yield running


class Line:
    """A connection, byte by byte."""

    def __init__(self, server: ThreadServer) -> None:
        host, port = server.address.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def trickle(self, data: bytes, pause: float) -> None:
        """Send on, one byte after the other and again and again, until the server ends it."""
        ended = threading.Event()

        def send() -> None:
            while not ended.wait(pause):
                try:
                    self.socket.sendall(data)
                except OSError:
                    return

        self._ended, self._sender = ended, threading.Thread(target=send)
        self._sender.start()

    def answer(self) -> tuple[int, dict[str, Any]]:
        """What comes until the server ends the connection: the status and the problem; 0 where nothing."""
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
        finally:
            if hasattr(self, "_sender"):
                self._ended.set()
                self._sender.join()
        if not received:
            return 0, {}
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


@contextmanager
def line(server: ThreadServer) -> Iterator[Line]:
    made = Line(server)
    with made.socket:
        yield made


def start(server: ThreadServer, path: str, *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: tiro", f"Authorization: Bearer {server.key}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


FORM = "Content-Type: multipart/form-data; boundary=x"


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


FIELD = part("engine", b"echo")
FILE = part("audio", SPEECH, '; filename="a.wav"')


def post_form(server: ThreadServer, body: bytes | Iterator[bytes]) -> httpx.Response:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return server.client.post(DOOR, content=body, headers=headers)


# --- too slow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"GET / HTT", b"GET /live HTTP/1.1\r\nHost: tiro\r\nX-A", b"\r\n\r\n", b""])
def test_headers_that_do_not_come(server: ThreadServer, sent: bytes) -> None:
    with line(server) as slow:
        slow.send(sent)
        status, problem = slow.answer()
    assert (status, problem.get("code")) == ((408, "request_too_slow") if sent.strip() else (0, None))


def test_headers_that_trickle(server: ThreadServer) -> None:
    with line(server) as slow:
        slow.send(b"GET /v1/models HTTP/1.1\r\n")
        slow.trickle(b"X-A: b\r\n", HEADERS / 10)
        status, problem = slow.answer()
    assert (status, problem["error"]["code"]) == (408, "request_too_slow")


def test_headers_that_trickle_behind_a_request(server: ThreadServer) -> None:
    with line(server) as slow:
        slow.send(start(server, "/live", method="GET"))
        assert slow.socket.recv(65536).startswith(b"HTTP/1.1 200")
        slow.send(b"GET /li")
        slow.trickle(b"v", HEADERS / 10)
        assert slow.answer()[0] == 408


def test_empty_lines_behind_an_answer(server: ThreadServer) -> None:
    """uvicorn ends its watch over the idle connection with each byte that comes."""
    with line(server) as slow:
        slow.send(start(server, "/live", method="GET"))
        assert slow.socket.recv(65536).startswith(b"HTTP/1.1 200")
        slow.send(b"\r\n")
        assert slow.answer() == (0, {})


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [
        (DOOR, (FORM, "Content-Length: 1000000"), part("audio", b"RIFF", '; filename="a.wav"')),
        (DOOR, (FORM, "Transfer-Encoding: chunked"), b"b\r\n--x\r\nX-A: b\r\n"),
        (LOGIN, ("Content-Type: application/json", "Content-Length: 900000"), b'{"name": "'),
    ],
)
def test_bodies_that_trickle(server: ThreadServer, path: str, headers: tuple[str, ...], first: bytes) -> None:
    chunked = "chunked" in headers[-1]
    with line(server) as slow:
        slow.send(start(server, path, *headers) + first)
        slow.trickle(b"1\r\nx\r\n" if chunked else b"x", BODY / 50)
        status, problem = slow.answer()
    assert (status, problem["code"]) == (408, "request_too_slow")
    incoming = server.runtime.settings.data / "incoming"
    wait_until(lambda: not list(incoming.iterdir()), what="the end of the upload")


def test_a_body_that_trickles_behind_its_answer(server: ThreadServer) -> None:
    with line(server) as slow:
        slow.send(start(server, DOOR, FORM, "Content-Length: 1000000") + b"no form")
        slow.trickle(b"x", BODY / 50)
        status, problem = slow.answer()
    assert (status, problem["code"]) == (422, "invalid_request"), "one answer, and the connection ends"


def test_a_body_that_keeps_the_pace_may_take_its_time(server: ThreadServer) -> None:
    """Several times as long as the deadline, at twice the least rate."""
    form = FIELD + FILE + b"--x--\r\n"
    step = round(2 * RATE * BODY / 10)
    rest = form[-step * 25 :]
    pause = threading.Event()

    def steadily() -> Iterator[bytes]:
        yield form[: -len(rest)]
        for place in range(0, len(rest), step):
            pause.wait(BODY / 10)
            yield rest[place : place + step]

    assert post_form(server, steadily()).status_code == 202


def test_whoever_waits_for_an_answer_is_not_slow(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next request has begun, and its headers have no end."""
    monkeypatch.setattr(server.runtime.jobs, "claim", lambda session, owner: None)
    form = FIELD + FILE + b"--x--\r\n"
    with line(server) as patient:
        patient.send(
            start(server, DOOR + "?wait=1", FORM, f"Content-Length: {len(form)}") + form + b"GET /li"
        )
        received = patient.socket.recv(65536)
    assert received.startswith(b"HTTP/1.1 202")
    session_id = received.decode().partition("location: ")[2].partition("\r\n")[0].rpartition("/")[2]
    assert server.client.delete(f"{DOOR}/{session_id}").status_code == 204


# --- too large --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /live HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
        b"GET /live HTTP/1.1\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /live HTTP/1.1\r\nX-Endless: " + b"a" * 2_000_000,
        b"GET /" + b"a" * 2_000_000,
    ],
    ids=["many", "long", "endless", "address"],
)
def test_headers_beyond_reason(server: ThreadServer, head: bytes) -> None:
    with line(server) as large:
        large.send(head)
        status, problem = large.answer()
    assert (status, problem["code"]) == (431, "headers_too_large")


def test_a_crowd_of_requests_on_one_line(server: ThreadServer) -> None:
    """None of them is answered before the first, so each would only take room."""
    form = FIELD + FILE + b"--x--\r\n"
    with line(server) as crowd:
        first = start(server, DOOR + "?wait=30", FORM, f"Content-Length: {len(form)}") + form
        crowd.send(first + b"GET /live HTTP/1.1\r\n\r\n" * 200)
        received = b""
        with suppress(ConnectionResetError):
            while data := crowd.socket.recv(65536):
                received += data
    assert received.count(b"HTTP/1.1") <= 1


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_json_without_end(server: ThreadServer, announced: bool, kind: str) -> None:
    body = b'{"name": "' + b"a" * 3_000_000
    content = body if announced else iter([body[:500_000], body[500_000:]])
    answer = server.client.post(LOGIN, content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900_000,
        b'{"a":' * 150_000,
        b'{"name": "\\"[", "password": ' + b"[" * 60 + b"]" * 60 + b"}",
        b'"' + b'\\"' * 400_000 + b"[" * 60,
    ],
    ids=["lists", "objects", "behind a string", "a string without end"],
)
def test_json_beyond_depth(server: ThreadServer, body: bytes) -> None:
    answer = server.client.post(LOGIN, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_brackets_in_text_are_text(server: ThreadServer) -> None:
    with Client(server.address, None) as client:
        answer = client.post(LOGIN, json={"name": "[" * 100, "password": '{"\\' * 100})
    assert answer.status_code == 401


# --- too many ---------------------------------------------------------------------------------------


def test_ten_thousand_ranges(server: ThreadServer) -> None:
    session_id = server.client.send_file("a.wav", SPEECH).json()["session_id"]
    url = f"{DOOR}/{session_id}/media"
    for ranges in ("0-0," * 10_000 + "1-1", "-1," * 10_000 + "-2"):
        answer = server.client.get(url, headers={"Range": "bytes=" + ranges})
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    with line(server) as wide:
        ranges = ",".join(f"{n}-{n}" for n in range(10_000))
        wide.send(start(server, url, f"Range: bytes={ranges}", method="GET"))
        assert wide.answer()[0] == 431


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (FIELD * 10_000 + FILE + b"--x--\r\n", (422, "invalid_request")),
        (part("unheard of", b"a" * 100_000) + FILE + b"--x--\r\n", (422, "invalid_request")),
        (b"--x\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n", (422, "invalid_request")),
        (b"--x\r\n" + b"X-A: b\r\n" * 100_000, (422, "invalid_request")),
        (b"--x" + (b"\r\nX-A: " + b"b" * 4000) * 6 + FILE[3:] + b"--x--\r\n", (422, "invalid_request")),
        (FILE * 2 + b"--x--\r\n", (422, "invalid_request")),
        (b"\r\n" * 1_000_000 + FILE + b"--x--\r\n", (413, "upload_too_large")),
        (FILE.rstrip() + b"\r\n--x" + b" " * 2_000_000, (413, "upload_too_large")),
        (FILE + b"--x--\r\n" + b"a" * 2_000_000, (413, "upload_too_large")),
    ],
    ids=["fields", "field", "header", "headers", "long headers", "files", "before", "padding", "behind"],
)
def test_a_flood_of_parts(server: ThreadServer, body: bytes, refusal: tuple[int, str]) -> None:
    answer = post_form(server, body)
    assert (answer.status_code, answer.json()["code"]) == refusal
    assert not list((server.runtime.settings.data / "incoming").iterdir())


def test_the_server_is_well_after_all_that(server: ThreadServer) -> None:
    assert server.client.get("/live").status_code == 200
    assert server.client.send_file("a.wav", SPEECH, wait=30).json()["status"] == "completed"


def test_the_deadlines_have_sane_defaults(tmp_path: Path) -> None:
    http = make_settings(tmp_path).http
    assert 5 <= http.header_seconds <= 60
    assert 100 <= http.body_rate <= 1000


def test_a_page_of_ours_may_listen_and_no_other(server: ThreadServer) -> None:
    for path in ("/", "/live", "/api/v1/me"):
        allowed = server.client.get(path).headers["permissions-policy"]
        assert "microphone=(self)" in allowed
        assert "display-capture=(self)" in allowed
        assert "camera=()" in allowed
