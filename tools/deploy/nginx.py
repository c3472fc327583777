"""Checks of deploy/compose/nginx: its syntax, and how it treats a server behind it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from tempfile import TemporaryDirectory

from tools.deploy.checks import DEPLOY, Failed, complain, run, system_tool

FOLDER = DEPLOY / "compose"
SPOOF = "203.0.113.9"
_SECONDS = 5.0


def syntax() -> str:
    nginx = system_tool("nginx", "Debian's package nginx-light")
    with _configured(nginx, 1) as (path, _, _):
        run(nginx, "-t", "-q", "-p", path.parent, "-c", path)
    version = ".".join(map(str, _version(nginx)))
    return f"nginx -t with nginx {version}" + ("" if _has_http2(nginx) else ", without its line for HTTP/2")


def trial() -> str:
    """Headers, a body, events and a WebSocket go through, each piece as it comes."""
    nginx = system_tool("nginx", "Debian's package nginx-light")
    with _Backend() as backend, _configured(nginx, backend.port) as (path, https, http):
        process = subprocess.Popen([nginx, "-p", str(path.parent), "-c", str(path), "-g", "daemon off;"])
        try:
            _wait_for(https)
            found = [*_redirect(http), *_headers(https), *_upload(https, backend), *_events(https, backend)]
            found += [*_websocket(https), *_large(https, backend)]
        except (OSError, TimeoutError) as err:
            raise Failed(f"nginx or what is behind it did not answer: {err!r}") from err
        finally:
            process.terminate()
            process.wait(10)
    return complain(found, "redirect, X-Forwarded-*, an upload and events piece by piece, WebSocket, 5 GB")


def _version(nginx: str) -> tuple[int, ...]:
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def _has_http2(nginx: str) -> bool:
    return _version(nginx) >= (1, 25, 1)


@contextmanager
def _configured(nginx: str, backend: int) -> Iterator[tuple[Path, int, int]]:
    """The file with this machine's ports and folders: its path, and the ports for HTTPS and HTTP."""
    https, http, own = _free_ports(3)
    with TemporaryDirectory() as name:
        folder = Path(name)
        # The workers of an nginx that root starts are nobody.
        folder.chmod(0o755)
        shutil.copy(FOLDER / "prepare", folder)
        shutil.copy(FOLDER / ".env.example", folder)
        run(folder / "prepare", "--self-signed", "localhost")
        text = (FOLDER / "nginx" / "nginx.conf").read_text()
        for old, new in (
            ("listen 8443", f"listen 127.0.0.1:{https}"),
            ("listen 8080", f"listen 127.0.0.1:{http}"),
            ("127.0.0.1:8081", f"127.0.0.1:{own}"),
            ("http://tiro-api:8000", f"http://127.0.0.1:{backend}"),
            (" /tmp/", f" {folder}/"),
            ("/etc/nginx/tls", str(folder / "tls")),
            ("/dev/stdout", f"{folder}/access.log"),
            ("/dev/stderr", f"{folder}/error.log"),
            *([] if _has_http2(nginx) else [("http2 on;", "")]),
        ):
            if old not in text:
                raise Failed(f"nginx.conf has no {old!r} any more, which this check replaces")
            text = text.replace(old, new)
        (folder / "nginx.conf").write_text(text)
        yield folder / "nginx.conf", https, http


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class _Backend(ThreadingTCPServer):
    """A server that waits in the middle of what it does until the client has seen the first half."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        self.begun = threading.Event()
        self.seen = threading.Event()
        self.received = 0

    def __enter__(self) -> _Backend:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(StreamRequestHandler):
    server: _Backend
    timeout = 2 * _SECONDS

    def handle(self) -> None:
        with suppress(OSError):
            self._answer()

    def _answer(self) -> None:
        path = self.rfile.readline().split()[1]
        headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if path == b"/headers":
            self._send(json.dumps(headers).encode())
        elif path == b"/upload":
            left = int(headers["content-length"])
            while left > 0 and (piece := self.rfile.read1(65536)):
                left -= len(piece)
                self.server.received += len(piece)
                self.server.begun.set()
            self._send(b"{}")
        elif path == b"/events":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            # Longer than the client waits: what is kept back comes too late for it.
            self.server.seen.wait(2 * _SECONDS)
            self.wfile.write(b"data: 2\n\n")
        elif path == b"/socket" and headers.get("upgrade") == "websocket":
            self.wfile.write(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            self.wfile.write(self.rfile.read1(100))

    def _send(self, body: bytes) -> None:
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the certificate was made a moment ago
    return context


def _connection(port: int) -> HTTPSConnection:
    return HTTPSConnection("127.0.0.1", port, timeout=_SECONDS, context=_trusting())


def _wait_for(port: int) -> None:
    for _ in range(100):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise TimeoutError("nginx does not listen")


def _redirect(port: int) -> Iterator[str]:
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as line:
        line.sendall(b"GET /a?b=c HTTP/1.0\r\nHost: tiro.example.org\r\n\r\n")
        answer = line.recv(4096).decode()
    if " 308 " not in answer or "Location: https://tiro.example.org/a?b=c" not in answer:
        yield f"http is not led to https: {answer.splitlines()[0]}"


def _headers(port: int) -> Iterator[str]:
    claimed = {
        "X-Forwarded-For": SPOOF,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil",
        "Forwarded": "for=x",
    }
    connection = _connection(port)
    connection.request(
        "GET", "/headers", headers={**claimed, "X-Request-ID": "chosen", "Host": "tiro.example.org"}
    )
    answer = connection.getresponse()
    seen = json.loads(answer.read())
    wanted = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "tiro.example.org",
        "host": "tiro.example.org",
    }
    yield from (f"{name} is {seen.get(name)!r}" for name, value in wanted.items() if seen.get(name) != value)
    if "forwarded" in seen:
        yield "Forwarded of the client goes through"
    if not re.fullmatch("[0-9a-f]{32}", seen.get("x-request-id", "")):
        yield "no request id"
    if "max-age" not in (answer.getheader("Strict-Transport-Security") or ""):
        yield "no HSTS"
    connection.request("GET", "/metrics")
    if connection.getresponse().status != 404:
        yield "/metrics is open"


def _upload(port: int, backend: _Backend) -> Iterator[str]:
    connection = _connection(port)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", str(4 * 65536))
    connection.endheaders(bytes(65536))
    if not backend.begun.wait(_SECONDS):
        yield "an upload is kept back until it is complete"
    connection.send(bytes(3 * 65536))
    if connection.getresponse().status != 200 or backend.received != 4 * 65536:
        yield "an upload did not arrive"


def _events(port: int, backend: _Backend) -> Iterator[str]:
    connection = _connection(port)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    try:
        first = answer.readline()
    except TimeoutError:
        first = b""
    if first != b"data: 1\n":
        yield "events are kept back"
    backend.seen.set()
    if b"data: 2" not in answer.read():
        yield "events break off"


def _websocket(port: int) -> Iterator[str]:
    with _trusting().wrap_socket(socket.create_connection(("127.0.0.1", port), _SECONDS)) as line:
        line.sendall(b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        if b" 101 " not in line.recv(4096):
            yield "no WebSocket"
        else:
            line.sendall(b"frame")
            if line.recv(100) != b"frame":
                yield "a WebSocket's frames are lost"


def _large(port: int, backend: _Backend) -> Iterator[str]:
    """Nothing of 5 GB is sent but its announcement and a first piece."""
    backend.begun.clear()
    connection = _connection(port)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", "5000000000")
    connection.endheaders(bytes(65536))
    if not backend.begun.wait(_SECONDS):
        yield "5 GB are refused"
    connection.close()
