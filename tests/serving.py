"""Real servers for tests: in a thread of this process, or as a process that can be killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from argon2 import PasswordHasher

from tests.databases import SECRET, database_for
from tiro.api.server import Server
from tiro.bootstrap.server import Runtime, build_runtime
from tiro.features.accounts.passwords import Passwords
from tiro.settings import Settings

ENDED = {"completed", "failed", "cancelled"}


def wait_until(
    check: Callable[[], Any],
    *,
    seconds: float = 60.0,
    what: str = "the condition",
    pause: float = 0.02,
    slower: float = 1.0,
) -> Any:
    """Poll until ``check`` gives something true, and return it.

    Args:
        slower: each pause is so many times the one before, for costly looks at what will stay true.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := check():
            return result
        time.sleep(pause)
        pause = min(pause * slower, 0.2)
    raise AssertionError(f"{what} did not come true within {seconds} s")


class Client(httpx.Client):
    """A client with the verbs of the door."""

    def __init__(self, base_url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # No certificates: there are none on loopback, and loading them takes longer than a request.
        super().__init__(base_url=base_url, headers=headers, timeout=60, trust_env=False, verify=False)

    def send_file(
        self, name: str, data: bytes, *, wait: float = 0, headers: dict[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        return self.post(
            "/api/v1/transcribe",
            params={"wait": wait} if wait else {},
            files={"audio": (name, data)},
            data={"engine": "echo", **fields},
            headers=headers,
        )

    def session(self, session_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/v1/transcribe/{session_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until_ended(self, session_id: str, seconds: float = 100) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            session = self.session(session_id)
            return session if session["status"] in ENDED else None

        return dict(wait_until(look, seconds=seconds, what=f"the end of {session_id}", slower=1.5))


@dataclass
class ThreadServer:
    """A server in a thread of the test process."""

    runtime: Runtime
    client: Client
    address: str
    key: str


@contextmanager
def thread_server(settings: Settings, *, recover: bool = False, port: int = 0) -> Iterator[ThreadServer]:
    """Args:
    recover: clear up first what a dead server left, as `tiro serve` does.
    port: where another one has been; 0 for any.
    """
    runtime = build_runtime(settings)
    # Argon2 takes its time on purpose; what is tested here is not Argon2.
    light = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    runtime.accounts._passwords = runtime.factors._passwords = Passwords(light)
    if recover:
        runtime.recover()
    listener = socket.create_server(("127.0.0.1", port))
    server = Server(runtime)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_until(lambda: server.started, what="the server's start")
        _, key = runtime.keys.create("test")
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(address, key) as client:
            yield ThreadServer(runtime, client, address, key)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        runtime.close()


class ServerProcess:
    """`tiro serve` as a process of its own, on a data folder that outlives it."""

    def __init__(self, data: Path, *, wrapper: list[str] | None = None, **settings: str) -> None:
        self.data = data
        self._log = (data.parent / f"{data.name}.log").open("ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TIRO_")}
        environment |= {"TIRO_DATA": str(data), "TIRO_ENGINE_DOWNLOAD": "false", "PYTHONUNBUFFERED": "1"}
        if url := database_for(data):
            environment |= {"TIRO_DATABASE_URL": url, "TIRO_AUTH_SECRET": SECRET}
        environment |= {f"TIRO_{name.upper()}": value for name, value in settings.items()}
        self.process = subprocess.Popen(
            [*(wrapper or []), sys.executable, "-m", "tiro.cli.main", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
        )
        try:
            self.address = self._read_address()
            self.client = Client(self.address, (data / "key").read_text().strip())
        except BaseException:
            self.process.kill()
            raise

    def _read_address(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"listens on (http://\S+)", line):
                return found.group(1)
        raise AssertionError(f"the server did not start:\n{self.log()[-3000:]}")

    def log(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text()

    def children(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """As a power cut would: the server dies at once, and its children notice."""
        children = self.children()
        self.process.kill()
        self._end()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, f"left over after kill -9: {alive}"

    def stop(self) -> int:
        """As an operator would: SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        self.client.close()
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code


@contextmanager
def server_process(data: Path, **settings: str) -> Iterator[ServerProcess]:
    server = ServerProcess(data, wrapper=None, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
