"""What each part does for a job, what it can do in a second, and so where it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.scaling.load import DAY, HOUR, Load
from bench.scaling.simulation import Day, Fleet

_SPAN = 300
_Rate = Callable[[float, float, float], float]


@dataclass(frozen=True, slots=True)
class Costs:
    """Per job and per second of audio, as `python -m bench.scaling --measure` counts them; docs/scaling.md
    says which were measured and where. Rates are per second, sizes bytes."""

    job_commits: float = 5.0
    """Transactions that write, from upload to transcript, without its windows."""
    window_commits: float = 1.05
    window_audio: float = 21.0
    """Seconds of a recording that one more window covers."""
    beat_commits: float = 0.2
    """Transactions a second of a worker for its leases and as its sign of life."""
    job_messages: float = 8.0
    """Messages through Redis for a job, and for each window: at most one an event, and the wake-ups."""
    window_messages: float = 4.6
    job_rows: float = 6_000.0
    audio_rows: float = 640.0
    """Bytes in the database that stay of a job, and of each second of audio."""
    kilobits: float = 64.0
    """Of a second of audio, as it is sent in."""
    job_cpu: float = 0.05
    """Processor seconds of the HTTP server for a job; then for each byte that comes in."""
    byte_cpu: float = 4e-9
    audio_cpu: float = 1 / 300
    """Processor seconds of a worker to decode a second of audio and to find speech in it."""
    commits: float = 1_000.0
    """What one database takes in a second."""
    messages: float = 20_000.0
    network: float = 10e9 / 8
    """Bytes a second of the narrowest link."""

    @property
    def byte_rate(self) -> float:
        return self.kilobits * 1000 / 8


@dataclass(frozen=True, slots=True)
class Demand:
    """What a part is asked for. ``limit`` is that of one; None where more of them are simply added."""

    name: str
    unit: str
    mean: float
    peak: float
    limit: float | None

    @property
    def breaks(self) -> float | None:
        """At how many times this load the one part is full."""
        return None if self.limit is None or not self.peak else self.limit / self.peak


def demands(day: Day, fleet: Fleet, costs: Costs) -> list[Demand]:
    """Mean and busiest five minutes of the day that was simulated."""
    spans = _five_minutes(day)

    def demand(
        name: str, unit: str, limit: float | None, rate: Callable[[float, float, float], float]
    ) -> Demand:
        """``rate`` is of jobs and of audio that come in a second, and of audio that is worked on."""
        rates = [rate(jobs, audio, busy * fleet.speed) for jobs, audio, busy in spans]
        return Demand(name, unit, sum(rates) / len(rates), max(rates), limit)

    beats = fleet.workers * costs.beat_commits
    return [
        demand(
            "database, writing transactions",
            "1/s",
            costs.commits,
            lambda jobs, _, work: (
                jobs * costs.job_commits + work / costs.window_audio * costs.window_commits + beats
            ),
        ),
        demand(
            "Redis, messages",
            "1/s",
            costs.messages,
            lambda jobs, _, work: (
                jobs * costs.job_messages + work / costs.window_audio * costs.window_messages
            ),
        ),
        demand(
            "network into the store and out to workers",
            "MB/s",
            costs.network / 1e6,
            lambda _, audio, work: (audio + work) * costs.byte_rate / 1e6,
        ),
        demand(
            "HTTP servers, processor cores",
            "cores",
            None,
            lambda jobs, audio, _: jobs * costs.job_cpu + audio * costs.byte_rate * costs.byte_cpu,
        ),
        demand(
            "workers, cores to decode and find speech",
            "cores",
            None,
            lambda _jobs, _audio, work: work * costs.audio_cpu,
        ),
    ]


def _five_minutes(day: Day) -> list[tuple[float, float, float]]:
    """Jobs and audio a second, and busy slots, for each five minutes."""
    spans: dict[int, list[list[float]]] = {}
    for minute, values in day.minutes.items():
        spans.setdefault(minute * 60 // _SPAN, []).append(values)
    last = max(spans, default=0)
    found = []
    for span in range(last + 1):
        in_it = spans.get(span, [])
        came, audio, busy = (sum(values[i] for values in in_it) for i in range(3))
        found.append((came / _SPAN, audio / _SPAN, busy / max(len(in_it), 1)))
    return found


def growth(load: Load, costs: Costs) -> tuple[float, float]:
    """Bytes of recordings and of rows that a day adds."""
    audio = load.hours * HOUR
    return audio * costs.byte_rate, load.files * costs.job_rows + audio * costs.audio_rows


def least_workers(load: Load, fleet: Fleet) -> float:
    """How many are busy in the busiest hour: with fewer, the queue grows for as long as that lasts."""
    work = load.files * fleet.start + load.hours * HOUR / fleet.speed
    return work / DAY * load.peak / fleet.slots
