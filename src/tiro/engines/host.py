"""Engines in child processes: leased to requests, replaced when they die, unloaded when idle.

The parent never loads a model. An engine that works in batches serves many requests in one child, those of
several recordings together; the others serve one at a time in each child. A child that crashes is an
``EngineCrashed`` for the requests that it worked on, and ending a child gives all its memory back.
"""

from __future__ import annotations

import collections
import threading
import time
from dataclasses import dataclass

import structlog

from tiro.engines.base import Capabilities, EngineOptions, TranscribeRequest
from tiro.engines.process import STALL, HostProcess, NotTaken
from tiro.engines.registry import EngineSpec
from tiro.errors import Cancelled, EngineCrashed, TiroError
from tiro.speech.types import Segment
from tiro.telemetry import metrics, tracing

_log = structlog.get_logger(__name__)

_POLL = 0.05


@dataclass(frozen=True, slots=True)
class HostState:
    """One engine's hosts, for health and metrics. ``restarts`` counts the hosts that died or were killed."""

    engine: str
    hosts: int
    busy: int
    waiting: int
    restarts: int


class _Pool:
    """The hosts of one engine with its model. First come, first served."""

    def __init__(
        self, spec: EngineSpec, options: EngineOptions, limit: int | None, stall_seconds: float
    ) -> None:
        self.spec = spec
        self.capabilities: Capabilities | None = None
        self._options = options
        self._limit = limit
        self._stall_seconds = stall_seconds
        self._changed = threading.Condition()
        self._waiting: collections.deque[object] = collections.deque()
        # How many requests each host works on.
        self._hosts: dict[HostProcess, int] = {}
        self._starting = 0
        self._restarts = 0
        self._closed = False

    def lease(self, stop: threading.Event | None) -> HostProcess:
        """A place on a host for one request: on one that is there, on a new one while there is room for it,
        or the next that is given back.

        Raises:
            Cancelled: ``stop`` was set while it waited.
            EngineCrashed: the pool was closed, or a new host died while it loaded.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or not (self._free() or self._room()):
                    self._check(stop)
                    # An Event cannot wake a Condition, so a request that can be cancelled looks now and then.
                    self._changed.wait(None if stop is None else _POLL)
                self._check(stop)
                if host := self._take_free():
                    return host
                self._starting += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        return self._start(stop)

    def give_back(self, host: HostProcess) -> None:
        with self._changed:
            if host in self._hosts and host.alive:
                self._hosts[host] -= 1
            else:
                self._lost(host)
            self._changed.notify_all()
        if self._closed:
            host.kill()

    def warm(self, hosts: int) -> None:
        """Start hosts until there are ``hosts``, or as many as this engine may have."""
        while True:
            with self._changed:
                self._check(None)
                if self._count() >= hosts or not self._room():
                    return
                self._starting += 1
            self.give_back(self._start(None))

    def unload_idle(self, seconds: float) -> None:
        """End the hosts that nobody has used for ``seconds``."""
        now = time.monotonic()
        with self._changed:
            old = [h for h, work in self._hosts.items() if not work and now - h.last_used >= seconds]
            for host in old:
                del self._hosts[host]
            self._changed.notify_all()
        for host in old:
            host.close()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            hosts, self._hosts = self._hosts, {}
            self._changed.notify_all()
        # The busy first: what they work on is lost anyway.
        for host, work in sorted(hosts.items(), key=lambda item: -item[1]):
            if work:
                host.kill()
            else:
                host.close()

    def state(self) -> HostState:
        with self._changed:
            busy = sum(1 for work in self._hosts.values() if work)
            return HostState(str(self.spec), self._count(), busy, len(self._waiting), self._restarts)

    def _start(self, stop: threading.Event | None) -> HostProcess:
        host, began = None, time.monotonic()
        try:
            with tracing.span("engine.load", engine=str(self.spec)):
                host = HostProcess(self.spec, self._options, stop, stall_seconds=self._stall_seconds)
            metrics.ENGINE_LOAD_SECONDS.observe(time.monotonic() - began, str(self.spec))
        finally:
            with self._changed:
                self._starting -= 1
                if host is not None:
                    self.capabilities = host.capabilities
                    self._hosts[host] = 1
                self._changed.notify_all()
        if self._closed:
            host.kill()
            self._check(None)
        return host

    def _take_free(self) -> HostProcess | None:
        """A place on the host that has least to do; of several the one used last, so that those not needed
        grow old and are unloaded. The dead are sorted out."""
        while free := self._free():
            host = min(free, key=lambda host: (self._hosts[host], -host.last_used))
            if host.alive:
                self._hosts[host] += 1
                return host
            host.kill()
            self._lost(host)
        return None

    def _free(self) -> list[HostProcess]:
        most = self.capabilities.at_once if self.capabilities else 1
        return [host for host, work in self._hosts.items() if work < most]

    def _lost(self, host: HostProcess) -> None:
        """A host died or was killed; of the requests that it had, the first to notice counts it."""
        if self._hosts.pop(host, None) is not None and not self._closed:
            self._restarts += 1
            _log.warning("engine.host_lost", engine=str(self.spec), host=host.pid)

    def _room(self) -> bool:
        # How many are worth it is known once the first is loaded.
        most = self.capabilities.parallel if self.capabilities else 1
        return self._count() < max(1, most if self._limit is None else min(most, self._limit))

    def _count(self) -> int:
        return len(self._hosts) + self._starting

    def _check(self, stop: threading.Event | None) -> None:
        if self._closed:
            raise EngineCrashed("The speech engine was stopped, because Tiro is stopping.")
        if stop is not None and stop.is_set():
            raise Cancelled


class EngineHosts:
    """All engine hosts of this process. Thread-safe; close it at the end, or use it in a ``with``.

    Args:
        options: what every engine is loaded with.
        idle_seconds: a host that is not used for so long is ended; the next request loads the model anew.
        stall_seconds: a host that works and shows no sign of life for so long is killed.
        limit: the most hosts of one engine, whatever its capabilities say; None leaves it to them.
    """

    def __init__(
        self,
        options: EngineOptions,
        *,
        idle_seconds: float = 300.0,
        stall_seconds: float = STALL,
        limit: int | None = None,
    ) -> None:
        self._options = options
        self._idle_seconds = idle_seconds
        self._stall_seconds = stall_seconds
        self._limit = limit
        self._lock = threading.Lock()
        self._pools: dict[EngineSpec, _Pool] = {}
        self._closing = threading.Event()
        self._sweeper: threading.Thread | None = None

    def __enter__(self) -> EngineHosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def capabilities(self, spec: EngineSpec, stop: threading.Event | None = None) -> Capabilities:
        """What the engine can do. Loads it the first time; the answer is kept after it is unloaded.

        Raises:
            Cancelled: ``stop`` was set while it loaded.
            UnknownEngine, ModelUnavailable, ModelCorrupt, EngineCrashed.
        """
        pool = self._pool(spec)
        if pool.capabilities is None:
            pool.give_back(pool.lease(stop))
        assert pool.capabilities is not None
        return pool.capabilities

    def known(self, spec: EngineSpec) -> Capabilities | None:
        """What the engine can do, where it has been loaded before; loads nothing."""
        return self._pool(spec).capabilities

    def transcribe(
        self, spec: EngineSpec, request: TranscribeRequest, stop: threading.Event | None = None
    ) -> list[Segment]:
        """Transcribe one window and wait for it; requests that have to wait are served in order.

        Args:
            stop: set it from another thread to cancel; the call returns within about a second. A host that
                does not stop by itself by then is killed, unless it works for others too: then it goes on,
                and the result is thrown away. One that hangs is killed after some seconds in any case.

        Raises:
            Cancelled: ``stop`` was set.
            EngineCrashed: the child died, or hung (``EngineStalled``), or the hosts were closed. The next
                request gets a new child.
            TiroError: what the engine raised, by its code.
        """
        pool = self._pool(spec)
        stop = stop or request.stop
        name, began = str(spec), time.monotonic()
        with tracing.span("engine.request", kind=tracing.SpanKind.CLIENT, engine=name):
            try:
                return self._served(pool, request, stop)
            except Cancelled:
                raise
            except TiroError as error:
                metrics.ENGINE_ERRORS.add(name, error.code)
                raise
            finally:
                metrics.ENGINE_REQUEST_SECONDS.observe(time.monotonic() - began, name)

    def _served(self, pool: _Pool, request: TranscribeRequest, stop: threading.Event | None) -> list[Segment]:
        try:
            return self._on_a_host(pool, request, stop)
        except NotTaken:
            # A host that died while it was idle (the kernel needed memory, say) is no fault of this request.
            try:
                return self._on_a_host(pool, request, stop)
            except NotTaken as err:
                raise err.crash from err

    @staticmethod
    def _on_a_host(pool: _Pool, request: TranscribeRequest, stop: threading.Event | None) -> list[Segment]:
        host = pool.lease(stop)
        try:
            return host.transcribe(request, stop)
        finally:
            pool.give_back(host)

    def warm(self, spec: EngineSpec, hosts: int = 1) -> None:
        """Load the engine ahead of its first request, in up to ``hosts`` children."""
        self._pool(spec).warm(hosts)

    def state(self) -> list[HostState]:
        """One entry for each engine that has been used."""
        with self._lock:
            pools = list(self._pools.values())
        return [pool.state() for pool in pools]

    def close(self) -> None:
        """End all hosts. Requests under way fail with ``EngineCrashed``. May be called twice."""
        self._closing.set()
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        if self._sweeper is not None:
            self._sweeper.join()

    def _pool(self, spec: EngineSpec) -> _Pool:
        with self._lock:
            if self._closing.is_set():
                raise EngineCrashed("The speech engine was stopped, because Tiro is stopping.")
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep, name="engine-idle", daemon=True)
                self._sweeper.start()
            if spec not in self._pools:
                self._pools[spec] = _Pool(spec, self._options, self._limit, self._stall_seconds)
            return self._pools[spec]

    def _sweep(self) -> None:
        while not self._closing.wait(max(_POLL, min(10.0, self._idle_seconds / 4))):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.unload_idle(self._idle_seconds)
