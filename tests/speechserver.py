"""A speech server for tests: real HTTP, in a thread, that answers OpenAI's audio API as its script says.

Each request takes the next step of the script; without one it gets a good answer.
"""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import io
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av

WORDS = ["Hello", "there", "Tiro", "how", "are", "you"]
TEXTS = ["Hello there, Tiro!", "How are you?"]


@dataclass(frozen=True)
class Upload:
    """What one request held; ``fields`` may have several values for one name."""

    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, list[str]]
    samples: int
    kind: str


Step = Callable[["Handler", Upload], None]


class SpeechServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Step] = deque()
        self.uploads: list[Upload] = []
        self.arrived = threading.Event()
        self.left = threading.Event()
        """Set when a client has closed a connection that ``hang`` or ``drip`` held."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SpeechServer

    def do_POST(self) -> None:
        upload = self._upload()
        self.server.uploads.append(upload)
        self.server.arrived.set()
        step = self.server.script.popleft() if self.server.script else good
        step(self, upload)

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _upload(self) -> Upload:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        fields: dict[str, list[str]] = {}
        samples, kind = 0, ""
        for part in message.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if name == "file":
                samples, kind = _samples(content), part.get_content_type()
            else:
                fields.setdefault(name, []).append(content.decode())
        return Upload(self.path, dict(self.headers.items()), fields, samples, kind)


def _samples(file: bytes) -> int:
    with av.open(io.BytesIO(file)) as media:
        assert media.streams.audio[0].rate == 16_000
        return sum(frame.samples for frame in media.decode(audio=0))


def verbose(seconds: float) -> dict[str, Any]:
    """A good `verbose_json` answer: two segments and six words, spread over ``seconds``."""
    step = seconds / len(WORDS)
    return {
        "task": "transcribe",
        "language": "english",
        "duration": seconds,
        "text": " ".join(TEXTS),
        "segments": [
            {"id": place, "start": place * seconds / 2, "end": (place + 1) * seconds / 2, "text": f" {text}"}
            | {"avg_logprob": -0.25, "no_speech_prob": 0.01, "compression_ratio": 1.1, "temperature": 0.0}
            for place, text in enumerate(TEXTS)
        ],
        "words": [
            {"word": word, "start": place * step, "end": (place + 1) * step}
            for place, word in enumerate(WORDS)
        ],
    }


# --- steps --------------------------------------------------------------------------------------------


def good(handler: Handler, upload: Upload) -> None:
    """What was asked for, in the format asked for. The language `xx` is refused as OpenAI refuses it."""
    if upload.fields.get("language") == ["xx"]:
        error(400, "Invalid language 'xx'.", code="invalid_language_format", param="language")(
            handler, upload
        )
        return
    whole = verbose(upload.samples / 16_000)
    if upload.fields["response_format"] == ["json"]:
        whole = {"text": whole["text"]}
    elif "word" not in upload.fields.get("timestamp_granularities[]", []):
        del whole["words"]
    handler.answer(200, json.dumps(whole).encode(), {"Content-Type": "application/json"})


def reply(status: int, body: str | bytes | Any, **headers: str) -> Step:
    """Args:
    headers: with ``_`` for ``-``.
    """
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(status, data, named)


def error(
    status: int, message: str = "no", *, code: str | None = None, param: str | None = None, **headers: str
) -> Step:
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    return reply(status, body, **headers)


def reset(handler: Handler, _: Upload) -> None:
    """Break the connection off without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()


def cut(handler: Handler, _: Upload) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"text": "Hel')
    handler.close_connection = True


def hang(handler: Handler, _: Upload) -> None:
    """Say nothing until the client has gone."""
    handler.close_connection = True
    with contextlib.suppress(ConnectionError):
        handler.connection.recv(1)
    handler.server.left.set()


def drip(handler: Handler, _: Upload) -> None:
    """A byte now and then, for ever: never silent, never done."""
    handler.close_connection = True
    handler.connection.settimeout(0.02)
    with contextlib.suppress(ConnectionError):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" ")
            with contextlib.suppress(TimeoutError):
                if not handler.connection.recv(1):
                    break
    handler.server.left.set()


@contextmanager
def serving() -> Iterator[SpeechServer]:
    server = SpeechServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
