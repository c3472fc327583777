"""How fast recordings come in beside a plain copy to the same disk, and what a hundred at once do."""

from __future__ import annotations

import base64
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.serving import ServerProcess, server_process

from bench import memory, recordings
from bench.report import Spread, at_least, say, table, target

_SIZE = 500_000_000
_ROUNDS = 7
_RATIO = 0.5
_MANY, _EACH = 100, 20_000_000
_GROWTH, _ANSWER = 300.0, 200.0
_TICK = 0.1
_BOUNDARY = "------------------------8f3c2a9be07d41c6"
_CHUNK = 1024 * 1024
_SECONDS_OF_WAV = 32_000


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="tiro-bench-") as name:
        folder = Path(name)
        _throughput(folder)
        _crowds(folder)


# --- throughput -----------------------------------------------------------------------------------------


def _throughput(folder: Path) -> None:
    path = recordings.make(folder / "long.wav", _SIZE / _SECONDS_OF_WAV)
    size = path.stat().st_size
    times: dict[str, list[float]] = {what: [] for what in ("copy", *WAYS)}
    with server_process(folder / "data", media_max_duration="1e6") as server:
        for turn in range(_ROUNDS + 1):
            taken = {"copy": _copy(path, folder / "data" / "copy")}
            taken |= {what: _timed(server, path, send) for what, send in WAYS.items()}
            if turn:  # the first warms up the page cache and the decoders
                for what, seconds in taken.items():
                    times[what].append(seconds)
    path.unlink()
    say(
        f"One file of {size / 1e6:.0f} MB (WAV) over loopback, {_ROUNDS} rounds interleaved with a plain copy"
    )
    say(
        "of the same file to the same disk with fsync; client and server share the machine. Each recording is"
    )
    say("deleted before the next. The ratio is of times in the same round.")
    say()
    ratios = {
        what: Spread([copy / mine for copy, mine in zip(times["copy"], own, strict=True)])
        for what, own in times.items()
    }
    rows = []
    for what, own in times.items():
        speeds = Spread([size / 1e6 / seconds for seconds in own])
        rows.append([what, *speeds.columns(), *ratios[what].columns(2)])
    table(["way", "MB/s", "spread", "beside the copy", "spread"], rows)
    for what in list(times)[1:]:
        at_least(f"throughput of {what} beside a copy", ratios[what].median, _RATIO, "of it", 2)


def _copy(source: Path, target_path: Path) -> float:
    started = time.perf_counter()
    with source.open("rb") as read, target_path.open("wb") as write:
        while chunk := read.read(_CHUNK):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    elapsed = time.perf_counter() - started
    target_path.unlink()
    return elapsed


def _timed(server: ServerProcess, path: Path, send: Callable[[ServerProcess, Path], str]) -> float:
    started = time.perf_counter()
    session_id = send(server, path)
    elapsed = time.perf_counter() - started
    answer = server.client.delete(f"/api/v1/transcribe/{session_id}")
    assert answer.status_code == 204, answer.text
    return elapsed


def _connect(server: ServerProcess) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=600)


def _request(
    server: ServerProcess,
    line: socket.socket,
    head: list[str],
    before: bytes,
    body: Path | None,
    after: bytes,
) -> tuple[int, dict[str, str], bytes]:
    """One request, with as little work for this process as can be: the file goes from the kernel to the
    kernel."""
    length = len(before) + (body.stat().st_size if body else 0) + len(after)
    key = server.client.headers["Authorization"]
    lines = [*head, "Host: tiro", f"Authorization: {key}", f"Content-Length: {length}", "", ""]
    line.sendall("\r\n".join(lines).encode() + before)
    if body is not None:
        with body.open("rb") as file:
            line.sendfile(file)
    line.sendall(after)
    received = b""
    while b"\r\n\r\n" not in received:
        data = line.recv(65536)
        assert data, "the server ended the connection"
        received += data
    first, _, rest = received.partition(b"\r\n\r\n")
    status, *fields = first.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in fields)}
    wanted = int(headers.get("content-length", 0))
    while len(rest) < wanted:
        rest += line.recv(65536)
    return int(status.split()[1]), headers, rest


def post(server: ServerProcess, path: Path) -> str:
    """Send through the door; returns the recording's id."""
    part = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name="
    before = f'{part}"engine"\r\n\r\necho\r\n{part}"audio"; filename="{path.name}"\r\n\r\n'.encode()
    head = ["POST /api/v1/transcribe HTTP/1.1", f"Content-Type: multipart/form-data; boundary={_BOUNDARY}"]
    with closing(_connect(server)) as line:
        status, headers, body = _request(
            server, line, head, before, path, f"\r\n--{_BOUNDARY}--\r\n".encode()
        )
    assert status == 202, body
    return headers["location"].rpartition("/")[2]


def tus(server: ServerProcess, path: Path) -> str:
    """Send as a resumable upload, in one piece; returns the recording's id."""
    engine = base64.b64encode(b"echo").decode()
    with closing(_connect(server)) as line:
        announce = [
            "POST /api/v1/uploads HTTP/1.1",
            "Tus-Resumable: 1.0.0",
            f"Upload-Length: {path.stat().st_size}",
            f"Upload-Metadata: engine {engine}",
        ]
        status, headers, body = _request(server, line, announce, b"", None, b"")
        assert status == 201, body
        send = [
            f"PATCH {headers['location']} HTTP/1.1",
            "Tus-Resumable: 1.0.0",
            "Upload-Offset: 0",
            "Content-Type: application/offset+octet-stream",
        ]
        status, headers, body = _request(server, line, send, b"", path, b"")
    assert status == 204, body
    return headers["tiro-session"]


# --- a crowd --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crowd:
    """What many uploads at once did: seconds until the last was answered, the errors, MiB of the idle server
    and above it, and the 95th percentiles of other answers in milliseconds."""

    seconds: float
    errors: list[BaseException]
    idle: float
    growth: float
    live: float
    page: float


@dataclass
class _Watch:
    """Looks at the server while a crowd sends: its memory in MiB, and its answers in milliseconds."""

    server: ServerProcess
    peak: float = 0.0
    answers: dict[str, list[float]] = field(default_factory=lambda: {"/live": [], "/api/v1/transcribe": []})
    over: threading.Event = field(default_factory=threading.Event)

    def weigh(self) -> None:
        while not self.over.wait(_TICK):
            self.peak = max(self.peak, memory.parts(self.server)["all"])

    def ask(self) -> None:
        headers = dict(self.server.client.headers)
        with httpx.Client(
            base_url=self.server.address, headers=headers, timeout=60, trust_env=False
        ) as client:
            while not self.over.wait(_TICK):
                for path, times in self.answers.items():
                    started = time.perf_counter()
                    answer = client.get(path)
                    times.append(1000 * (time.perf_counter() - started))
                    assert answer.status_code == 200, answer.text


def crowd(
    data: Path, path: Path, send: Callable[[ServerProcess, Path], str], many: int = _MANY, **settings: str
) -> Crowd:
    """Send one file many times at once to a fresh server."""
    with server_process(data, **settings) as server:
        for _ in range(3):  # decoders and engine are there before it begins
            server.client.until_ended(send(server, path))
        idle = memory.parts(server)["all"]
        watch = _Watch(server)
        threads = [threading.Thread(target=watch.weigh), threading.Thread(target=watch.ask)]
        for thread in threads:
            thread.start()
        started = time.perf_counter()
        with ThreadPoolExecutor(many) as pool:
            sent = [pool.submit(send, server, path) for _ in range(many)]
            errors = [error for future in sent if (error := future.exception())]
        elapsed = time.perf_counter() - started
        watch.over.set()
        for thread in threads:
            thread.join()
        total = server.client.get("/api/v1/transcribe").json()["total"]
        assert total == many + 3 - len(errors), (total, errors)
    live, page = (Spread(times).percentile(0.95) for times in watch.answers.values())
    return Crowd(elapsed, errors, idle, watch.peak - idle, live, page)


WAYS = {"POST /api/v1/transcribe": post, "tus": tus}


def _crowds(folder: Path) -> None:
    path = recordings.make(folder / "call.wav", _EACH / _SECONDS_OF_WAV)
    found = {what: crowd(folder / f"data-{what[:3]}", path, send) for what, send in WAYS.items()}
    say(f"{_MANY} uploads of {path.stat().st_size / 1e6:.0f} MB at once (WAV, echo), while their jobs run; a")
    say("fresh server for each way. Memory (PSS, MiB) is that of the server and all its children, above what")
    say("they have when idle; answers are to /live and to a page of recordings, asked for all the while, in")
    say("milliseconds.")
    say()
    rows = [
        [
            what,
            f"{each.seconds:.1f}",
            str(len(each.errors)),
            *(f"{value:.0f}" for value in (each.idle, each.growth, each.live, each.page)),
        ]
        for what, each in found.items()
    ]
    table(["way", "seconds", "errors", "idle", "growth", "/live p95", "page p95"], rows)
    for what, each in found.items():
        target(f"errors, {what}", len(each.errors), 0, "errors")
        target(f"growth, {what}", each.growth, _GROWTH, "MiB")
        target(f"/live p95, {what}", each.live, _ANSWER, "ms")
        target(f"page p95, {what}", each.page, 1000, "ms")
