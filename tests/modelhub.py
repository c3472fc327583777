"""A model hub for tests, as far as a download sees one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tiro.engines import catalogue

SHA = "0123456789" * 4


class Hub(ThreadingHTTPServer):
    """A model hub as far as a download sees it, with one repository."""

    daemon_threads = True

    def __init__(self, folder: Path, repo: str) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.folder = folder
        self.repo = repo
        self.lies: set[str] = set()
        self.absent: set[str] = set()
        self.broken: set[str] = set()
        self.fault = ""
        self.ranged = True
        self.dies = False
        """Breaks off in the middle of the weights, and refuses everything from then on."""
        self.ranges: list[str] = []
        self.gate: threading.Event | None = None
        """Holds back the second half of the weights until it is set."""
        self.plain: set[str] = set()
        """Files that the listing has only a Git hash of, as the hub's has of small ones."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if self.server.fault and path != "/":
            if self.server.fault == "refused":
                self.send_error(403)
            self.close_connection = True
            return None
        if path.startswith(f"/api/models/{self.server.repo}"):
            return self.send(json.dumps(self.listing()).encode(), {"Content-Type": "application/json"}, body)
        if found := re.fullmatch(rf"/{self.server.repo}/resolve/[^/]+/(.+)", path):
            return self.file(found[1], body)
        return self.send(b"", {}, body)

    def listing(self) -> dict[str, object]:
        files = [file for file in self.server.folder.iterdir() if file.name not in self.server.absent]
        siblings: list[dict[str, object]] = [{"rfilename": "README.md", "size": 5}]
        for file in files:
            data = file.read_bytes()
            if file.name in self.server.lies:
                data = b"x" * len(data)
            digest = hashlib.sha256(data).hexdigest()
            lfs = {"lfs": {"size": len(data), "sha256": digest, "pointerSize": 10}}
            blob = {"blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
            plain = file.name in self.server.plain
            siblings.append({"rfilename": file.name, "size": len(data)} | blob | ({} if plain else lfs))
        return {"id": self.server.repo, "modelId": self.server.repo, "sha": SHA, "siblings": siblings}

    def file(self, name: str, body: bool) -> None:
        data = (self.server.folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        if body and self.server.dies and name == "model.bin":
            self.server.broken = {name}
            self.server.fault = "refused"
        if body and self.server.gate and name == "model.bin":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.server.gate.wait(60)
            self.wfile.write(data[len(data) // 2 :])
            return None
        if body and name in self.server.broken:
            self.server.broken.discard(name)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        return self.send(data, headers, body)

    def send(self, data: bytes, headers: dict[str, str], body: bool) -> None:
        start = 0
        if self.server.ranged and (found := re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("Range", ""))):
            start = int(found[1])
            self.server.ranges.append(self.path)
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self.wfile.write(data[start:])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(tiny: Path) -> Iterator[Hub]:
    with Hub(tiny, catalogue.MODELS["tiny"].repo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
