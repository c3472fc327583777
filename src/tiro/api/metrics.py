"""Prometheus metrics, read from the rows when they are asked for: the same figures whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from tiro.bootstrap.server import Runtime
from tiro.features.counters.service import Counted
from tiro.features.jobs.states import JobState
from tiro.kit import clock
from tiro.speech.options import RULES


def render(runtime: Runtime) -> tuple[bytes, str]:
    """The metrics as text, and their media type."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Rows(runtime))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Rows(Collector):
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterable[Metric]:
        with self._runtime.database.read() as session:
            counts = self._runtime.jobs.counts(session)
            waiting_since = self._runtime.jobs.oldest_queued(session)
            counted = self._runtime.counters.values(session)
        recordings = GaugeMetricFamily(
            "tiro_recordings", "Recordings by the state of their job.", labels=["state"]
        )
        for state in JobState:
            recordings.add_metric([state], counts.get(state, 0))
        yield recordings
        age = max(0.0, (clock.now() - waiting_since).total_seconds()) if waiting_since else 0.0
        yield GaugeMetricFamily("tiro_queue_age_seconds", "Age of the job that waits longest.", value=age)
        yield GaugeMetricFamily(
            "tiro_jobs_running", "Jobs at work in this process.", value=self._runtime.runner.busy
        )
        yield from _speech(counted)
        hosts = GaugeMetricFamily("tiro_engine_hosts", "Engine hosts.", labels=["engine", "state"])
        deaths = CounterMetricFamily("tiro_engine_host_deaths", "Engine hosts that died.", labels=["engine"])
        for entry in self._runtime.speech.hosts.state():
            hosts.add_metric([entry.engine, "busy"], entry.busy)
            hosts.add_metric([entry.engine, "idle"], entry.hosts - entry.busy)
            deaths.add_metric([entry.engine], entry.restarts)
        yield hosts
        yield deaths


_BY_ENGINE = {
    Counted.WINDOWS: "Windows of recordings that an engine recognised.",
    Counted.AUDIO_SECONDS: "Seconds of recordings in these windows.",
    Counted.ENGINE_SECONDS: "Seconds in which engines answered, each window's counted for itself.",
}


def _speech(counted: Mapping[tuple[Counted, str], float]) -> Iterable[Metric]:
    for metric, meaning in _BY_ENGINE.items():
        family = CounterMetricFamily(f"tiro_{metric}", meaning, labels=["engine"])
        for (name, engine), value in counted.items():
            if name == metric:
                family.add_metric([engine], value)
        yield family
    kept = counted.get((Counted.SEGMENTS, ""), 0)
    yield CounterMetricFamily("tiro_segments", "Segments that transcripts kept.", value=kept)
    dropped = CounterMetricFamily(
        "tiro_segments_dropped", "Texts taken out as invented or as cross-talk.", labels=["rule"]
    )
    for rule in sorted(RULES):
        dropped.add_metric([rule], counted.get((Counted.DROPPED, rule), 0))
    yield dropped
