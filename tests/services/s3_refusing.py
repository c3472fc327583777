"""A store that says no to what it is told to refuse, and passes the rest on to another as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_OF_ONE_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "content-encoding"}


@dataclass
class Refusing:
    """What a test says while it goes on.

    ``refuses`` is asked with a request's method and its path with the query.
    """

    endpoint: str
    status: int = 403
    code: str = "AccessDenied"
    refuses: Callable[[str, str], bool] = field(default=lambda _method, _path: False)


@contextmanager
def refusing(behind: str) -> Iterator[Refusing]:
    """A server on loopback until the block ends.

    Args:
        behind: the store that does the work; what is signed for this one is passed on as signed.
    """
    with httpx.Client(base_url=behind, trust_env=False, timeout=60) as client:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if said.refuses(self.command, self.path):
                    text = f"<Error><Code>{said.code}</Code><Message>No.</Message></Error>".encode()
                    self._send(said.status, {"Content-Type": "application/xml"}, text)
                    return
                headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
                answer = client.request(self.command, self.path, headers=headers, content=data)
                self._send(answer.status_code, dict(answer.headers), answer.content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 (http.server's names)

            def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in _OF_ONE_HOP:
                        self.send_header(name, value)
                whole = headers.get("content-length") if self.command == "HEAD" else None
                self.send_header("Content-Length", whole or str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(ConnectionError):  # of who died while they waited
                        self.wfile.write(data)

            def log_message(self, *_args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        said = Refusing(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
