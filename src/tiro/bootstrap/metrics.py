"""Who knows the figures that are read when they are asked for: the rows, and the parts of this process."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

import tiro
from tiro.bootstrap.roles import Role
from tiro.bootstrap.server import Runtime
from tiro.db.session import Database
from tiro.engines.host import EngineHosts
from tiro.errors import TiroError
from tiro.features.counters.service import Counted, CounterService
from tiro.features.jobs.fleet import Fleet
from tiro.features.jobs.service import JobService, Load
from tiro.features.jobs.states import JobState
from tiro.features.webhooks.service import WebhookService
from tiro.speech.options import RULES
from tiro.telemetry import metrics
from tiro.telemetry.instruments import Labels, Metric, Reading, Source

_BY_LABEL = {
    Counted.WINDOWS: metrics.WINDOWS,
    Counted.AUDIO_SECONDS: metrics.AUDIO_SECONDS,
    Counted.ENGINE_SECONDS: metrics.ENGINE_SECONDS,
    Counted.DROPPED: metrics.SEGMENTS_DROPPED,
    Counted.TRIES_FAILED: metrics.JOB_TRIES_FAILED,
    Counted.WEBHOOK_TRIES: metrics.WEBHOOK_TRIES,
}
_PLAIN = {Counted.SEGMENTS: metrics.SEGMENTS, Counted.LEASES_FREED: metrics.LEASES_FREED}

_FROM_THE_START: dict[Metric, list[Labels]] = {
    # A counter that appears with its first step hides that step from `rate`.
    metrics.SEGMENTS_DROPPED: [(rule,) for rule in sorted(RULES)],
    metrics.WEBHOOK_TRIES: [("delivered",), ("failed",), ("given_up",)],
    metrics.JOBS_ENDED: [(JobState.COMPLETED, ""), (JobState.CANCELLED, "")],
}


def sources_of(runtime: Runtime) -> list[Source]:
    """All that a server knows."""
    return [
        row_readings(runtime.database, runtime.jobs, runtime.fleet, runtime.counters, runtime.webhooks),
        process_readings(runtime),
    ]


def row_readings(
    database: Database, jobs: JobService, fleet: Fleet, counters: CounterService, webhooks: WebhookService
) -> Source:
    """What the rows say: the same figures whoever asks. Where the database is away, only that."""

    def read() -> list[Reading]:
        try:
            with database.read() as session:
                load, running = jobs.load(session), jobs.running(session)
                workers, unserved = fleet.by_queue(session), len(fleet.stranded(session))
                counted = counters.values(session)
                messages = webhooks.undelivered(session)
        except (TiroError, SQLAlchemyError):
            return [Reading(metrics.DATABASE_UP, {(): 0})]
        return [
            Reading(metrics.DATABASE_UP, {(): 1}),
            *_load(load),
            Reading(metrics.JOBS_RUNNING, {(queue,): count for queue, count in running.items()}),
            Reading(metrics.WORKERS, {(queue,): count for queue, count in workers.items()}),
            Reading(metrics.QUEUE_UNSERVED, {(): unserved}),
            *_counted(counted),
            Reading(metrics.WEBHOOKS_WAITING, {(): messages}),
        ]

    return read


def process_readings(runtime: Runtime) -> Source:
    """What the parts of this process know."""
    works = runtime.role in {Role.ALL, Role.WORKER}

    def read() -> list[Reading]:
        busy, idle, most = runtime.database.connections()
        found = [
            Reading(metrics.BUILD, {(tiro.__version__,): 1}),
            Reading(metrics.DATABASE_CONNECTIONS, {("busy",): busy, ("idle",): idle}),
            Reading(metrics.DATABASE_CONNECTIONS_MOST, {(): most}),
            Reading(metrics.WORKER_SLOTS, {(): runtime.runner.jobs.worker.slots if works else 0}),
        ]
        with suppress(OSError):  # without a data folder there is nothing to say of it
            found.append(Reading(metrics.STORAGE_FREE, {(): shutil.disk_usage(runtime.settings.data).free}))
        return found + _hosts(runtime.speech.hosts)

    return read


def _load(load: list[Load]) -> list[Reading]:
    return [
        Reading(metrics.QUEUE_JOBS, {(one.queue, one.priority): one.queued for one in load}),
        Reading(metrics.QUEUE_AGE, {(one.queue, one.priority): one.oldest for one in load}),
    ]


def _counted(counted: Mapping[tuple[Counted, str], float]) -> list[Reading]:
    found: dict[Metric, dict[Labels, float]] = {
        metric: dict.fromkeys(_FROM_THE_START.get(metric, []), 0)
        for metric in (*_BY_LABEL.values(), metrics.JOBS_ENDED)
    }
    found |= {metric: {(): 0} for metric in _PLAIN.values()}
    for (name, label), value in counted.items():
        if name in _BY_LABEL:
            found[_BY_LABEL[name]][label,] = value
        elif name in _PLAIN:
            found[_PLAIN[name]][()] = value
        else:
            state, _, code = label.partition(":")
            found[metrics.JOBS_ENDED][state, code] = value
    return [Reading(metric, values) for metric, values in found.items()]


def _hosts(hosts: EngineHosts) -> list[Reading]:
    states = hosts.state()
    loaded: dict[Labels, float] = {}
    for one in states:
        loaded[one.engine, "busy"] = one.busy
        loaded[one.engine, "idle"] = one.hosts - one.busy
    return [
        Reading(metrics.ENGINE_HOSTS, loaded),
        Reading(metrics.ENGINE_WAITING, {(one.engine,): one.waiting for one in states}),
        Reading(metrics.ENGINE_DEATHS, {(one.engine,): one.restarts for one in states}),
    ]
