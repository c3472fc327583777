"""Child processes that the servers and runs of one test process share.

Each server would start a template of decoders and an echo engine of its own, which costs most of a second.
What is tested behind them is the same; tests of the children themselves use ``own_children``, or a process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiro.bootstrap import speech
from tiro.engines.base import EngineOptions
from tiro.engines.host import EngineHosts, HostState, _Pool
from tiro.engines.process import STALL
from tiro.engines.registry import EngineSpec
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits

ECHO = EngineSpec("echo")
_OWN = (DecoderPool, EngineHosts)


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
        self.echo = _Pool(ECHO, EngineOptions(Path("models"), download=False), None, STALL)

    def decoders(self, limits: MediaLimits, _spares: int) -> DecoderPool:
        with self._lock:
            if limits not in self._decoders:
                self._decoders[limits] = _LastingDecoders(limits)
            return self._decoders[limits]

    def hosts(self, options: EngineOptions, *, idle_seconds: float, stall_seconds: float) -> EngineHosts:
        return _HostsWithEcho(self.echo, options, idle_seconds=idle_seconds, stall_seconds=stall_seconds)

    def close(self) -> None:
        self.echo.close()
        for pool in self._decoders.values():
            pool.end()


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
    shared = Shared()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "DecoderPool", shared.decoders)
        patch.setattr(speech, "EngineHosts", shared.hosts)
        yield
    shared.close()


@contextmanager
def own_children() -> Iterator[None]:
    """Servers and runs that begin in the block have children of their own, as outside of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "DecoderPool", _OWN[0])
        patch.setattr(speech, "EngineHosts", _OWN[1])
        yield
