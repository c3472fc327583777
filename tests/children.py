"""What the servers and runs of one test process share: child processes, and a database to begin with.

Each server would start a template of decoders and an echo engine of its own, which costs most of a second.
What is tested behind them is the same; tests of the children themselves use ``own_children``, or a process.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Dialect, Engine
from sqlalchemy.util import LRUCache

from tiro.bootstrap import speech
from tiro.db import migrate, sqlite
from tiro.db.session import Database
from tiro.db.sqlite import sqlite_url
from tiro.engines.base import EngineOptions
from tiro.engines.host import EngineHosts, HostState, _Pool
from tiro.engines.process import STALL
from tiro.engines.registry import EngineSpec
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits

ECHO = EngineSpec("echo")


class _LastingDecoders(DecoderPool):
    """Outlives the servers that close it."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


class Shared:
    """The children of one test process, each started by the first who needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoders: dict[MediaLimits, _LastingDecoders] = {}
        self.echo = _echo()

    def decoders(self, limits: MediaLimits, _spares: int) -> DecoderPool:
        with self._lock:
            if limits not in self._decoders:
                self._decoders[limits] = _LastingDecoders(limits)
            return self._decoders[limits]

    def hosts(self, options: EngineOptions, *, idle_seconds: float, stall_seconds: float) -> EngineHosts:
        return _HostsWithEcho(self.echo, options, idle_seconds=idle_seconds, stall_seconds=stall_seconds)

    def end(self) -> None:
        """End them all; whoever needs one later starts it anew."""
        with self._lock:
            for pool in self._decoders.values():
                pool.end()
            self._decoders.clear()
            self.echo.close()
            self.echo = _echo()


def _echo() -> _Pool:
    return _Pool(ECHO, EngineOptions(Path("models"), download=False), None, STALL)


_SHARED = Shared()


class _HostsWithEcho(EngineHosts):
    """All engines but echo are its own."""

    def __init__(
        self, echo: _Pool, options: EngineOptions, *, idle_seconds: float, stall_seconds: float
    ) -> None:
        super().__init__(options, idle_seconds=idle_seconds, stall_seconds=stall_seconds)
        self._echo = echo

    def _pool(self, spec: EngineSpec) -> _Pool:
        own = super()._pool(spec)
        return self._echo if spec == ECHO else own

    def state(self) -> list[HostState]:
        return [self._echo.state() if state.engine == "echo" else state for state in super().state()]


@contextmanager
def shared_children() -> Iterator[None]:
    """All servers and runs of this process share what they can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "DecoderPool", _SHARED.decoders)
        patch.setattr(speech, "EngineHosts", _SHARED.hosts)
        yield
    _SHARED.end()


@contextmanager
def fresh_databases(folder: Path) -> Iterator[None]:
    """New databases are copies of one, which took the migrations their time; and what SQLAlchemy made of a
    statement for one of them is good for all, as it is for all the connections of one."""
    template = folder / "tiro.db"
    prepare = migrate.prepare
    make_engine = sqlite.make_engine
    compiled: LRUCache[Any, Any] = LRUCache(5000)

    @cache
    def dialect() -> Dialect:
        engine = make_engine(sqlite_url(folder / "first.db"))
        engine.connect().close()  # now it knows its database
        engine.dispose()
        return engine.dialect

    def sharing(url: URL) -> Engine:
        engine = make_engine(url)
        engine.dialect = engine.pool._dialect = dialect()
        engine._compiled_cache = compiled
        return engine

    def copied(database: Database) -> None:
        name = database.engine.url.database
        if not database.postgresql and name is not None and not Path(name).exists():
            if not template.exists():
                first = Database(sqlite_url(template))
                prepare(first)
                first.close()
            shutil.copyfile(template, name)
        prepare(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "prepare", copied)
        patch.setattr(sqlite, "make_engine", sharing)
        yield


@contextmanager
def own_children() -> Iterator[None]:
    """Servers and runs in the block have children of their own, as outside of tests, and there are no others.
    None may be running that shares its own: use it for a whole module."""
    _SHARED.end()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "DecoderPool", DecoderPool)
        patch.setattr(speech, "EngineHosts", EngineHosts)
        yield
