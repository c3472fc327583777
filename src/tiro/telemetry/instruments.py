"""Instruments for metrics: counters, gauges and histograms of this process, and names for what rows tell.

They are our own, because Prometheus' library takes longer to import than the command line otherwise does to
start; ``exposition`` hands their readings to it. All are thread-safe.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

Labels = tuple[str, ...]


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Counts:
    """A histogram's state for one set of labels: how many were at most each bound, and their sum."""

    bounds: tuple[float, ...]
    upto: tuple[int, ...]
    """One for each bound, and the last for all."""
    total: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric's name as Prometheus shows it, its labels in order, and its meaning.

    ``rows`` says that its figures are read from the database, and so are the same whichever process is asked:
    across processes they are to be taken once, not added up.
    """

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    rows: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric says now, by the values of its labels."""

    metric: Metric
    values: Mapping[Labels, float | Counts]


@dataclass(slots=True)
class Catalogue:
    """All metrics that there are, in order, with the instruments among them."""

    metrics: list[Metric] = field(default_factory=list)
    instruments: list[Instrument] = field(default_factory=list)

    def rows(self, name: str, kind: Kind, meaning: str, *labels: str) -> Metric:
        """A metric that is read from the database when it is asked for."""
        return self._add(Metric(name, kind, meaning, labels, rows=True))

    def read(self, name: str, kind: Kind, meaning: str, *labels: str) -> Metric:
        """A metric of this process that somebody else keeps, and that is read when it is asked for."""
        return self._add(Metric(name, kind, meaning, labels))

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        counter = Counter(self._add(Metric(name, Kind.COUNTER, meaning, labels)))
        self.instruments.append(counter)
        return counter

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        gauge = Gauge(self._add(Metric(name, Kind.GAUGE, meaning, labels)))
        self.instruments.append(gauge)
        return gauge

    def histogram(self, name: str, meaning: str, *labels: str, bounds: Sequence[float]) -> Histogram:
        histogram = Histogram(self._add(Metric(name, Kind.HISTOGRAM, meaning, labels)), tuple(bounds))
        self.instruments.append(histogram)
        return histogram

    def readings(self) -> Iterable[Reading]:
        return [instrument.reading() for instrument in self.instruments]

    def _add(self, metric: Metric) -> Metric:
        self.metrics.append(metric)
        return metric


class Counter:
    """Counts up from the start of the process."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._lock = threading.Lock()
        # Without labels it begins at 0, so that its first step is seen as one.
        self._values: dict[Labels, float] = {} if metric.labels else {(): 0.0}

    def add(self, *labels: str, amount: float = 1.0) -> None:
        with self._lock:
            self._values[labels] = self._values.get(labels, 0.0) + amount

    def reading(self) -> Reading:
        with self._lock:
            return Reading(self.metric, dict(self._values))


class Gauge(Counter):
    """Goes up and down."""

    @contextmanager
    def held(self, *labels: str) -> Iterator[None]:
        """One more while the block lasts."""
        self.add(*labels)
        try:
            yield
        finally:
            self.add(*labels, amount=-1.0)


class Histogram:
    """How often values were at most each of ``bounds``."""

    def __init__(self, metric: Metric, bounds: tuple[float, ...]) -> None:
        self.metric = metric
        self._bounds = bounds
        self._lock = threading.Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, value: float, *labels: str) -> None:
        with self._lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
                self._sums[labels] = 0.0
            counts[bisect_left(self._bounds, value)] += 1
            self._sums[labels] += value

    def reading(self) -> Reading:
        with self._lock:
            counts = {labels: tuple(accumulate(found)) for labels, found in self._counts.items()}
            sums = dict(self._sums)
        return Reading(
            self.metric, {labels: Counts(self._bounds, upto, sums[labels]) for labels, upto in counts.items()}
        )


Instrument = Counter | Histogram
Source = Callable[[], Iterable[Reading]]
"""Somebody who knows readings when asked."""
