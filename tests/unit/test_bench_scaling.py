"""The simulated queue agrees with theory where there is one, and with fairness where there is none."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import accumulate

import pytest
from bench.scaling.costs import Costs, demands, growth, least_workers
from bench.scaling.load import DAY, EVEN, HOUR, Job, Load, arrivals
from bench.scaling.report import needed, run, simulated
from bench.scaling.simulation import Day, Fleet, Simulation

NEVER = 0.0


def poisson(rate: float, count: int, seed: int, shares: tuple[float, ...] = (1.0,)) -> Iterator[Job]:
    """Jobs of one second on average, exponential, of one user."""
    chance, at = random.Random(seed), 0.0
    ranks = list(accumulate(shares))
    for number in range(count):
        at += chance.expovariate(rate)
        priority = chance.choices(range(len(shares)), cum_weights=ranks)[0]
        yield Job(number, at, 0, priority, chance.expovariate(1.0))


def day_of(workers: int, rate: float, count: int, shares: tuple[float, ...] = (1.0,), seed: int = 1) -> Day:
    fleet = Fleet(workers, lifetime=NEVER)
    return Simulation(fleet, poisson(rate, count, seed, shares), service=lambda job: job.audio).run()


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def erlang_c(workers: int, load: float) -> float:
    """The probability that one has to wait."""
    terms = [load**k / math.factorial(k) for k in range(workers)]
    last = load**workers / math.factorial(workers) / (1 - load / workers)
    return last / (sum(terms) + last)


def agrees_with_erlang(workers: int, load: float, count: int, within: float) -> None:
    day = day_of(workers, load, count)
    waits = day.waits()
    wanted = erlang_c(workers, load)
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(wanted, rel=within)
    assert mean(waits) == pytest.approx(wanted / (workers - load), rel=within)
    assert day.busy / (day.seconds * workers) == pytest.approx(load / workers, rel=within)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (4, 2.8)])
def test_it_agrees_with_erlang(workers: int, load: float) -> None:
    agrees_with_erlang(workers, load, 30_000, 0.1)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (4, 3.0), (20, 17.0)])
def test_each_wait_is_that_of_kiefer_and_wolfowitz(workers: int, load: float) -> None:
    """First come, first served, recursively: the next one waits for the worker that is free first."""
    free = [0.0] * workers
    wanted = []
    for job in poisson(load, 10_000, 1):
        first = min(range(workers), key=free.__getitem__)
        begin = max(job.at, free[first])
        wanted.append(begin - job.at)
        free[first] = begin + job.audio
    assert day_of(workers, load, 10_000).waits() == pytest.approx(sorted(wanted), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (4, 2.8)])
def test_it_agrees_with_erlang_closely(workers: int, load: float) -> None:
    waits = [mean(day_of(workers, load, 200_000, seed=seed).waits()) for seed in range(1, 7)]
    assert mean(waits) == pytest.approx(erlang_c(workers, load) / (workers - load), rel=0.04)


@pytest.mark.slow
def test_priorities_agree_with_cobham() -> None:
    """One worker, nobody is interrupted: W_k = R / (1 - s_(k-1)) (1 - s_k)."""
    load, shares = 0.7, (0.2, 0.5, 0.3)
    day = day_of(1, load, 40_000, shares)
    before = 0.0
    for rank, share in enumerate(shares):
        upto = before + share * load
        wanted = load / ((1 - before) * (1 - upto))
        waits = day.waits(lambda job, rank=rank: job.priority == rank)
        assert mean(waits) == pytest.approx(wanted, rel=0.15)
        before = upto


def test_one_file_does_not_wait_for_a_batch() -> None:
    batch = [Job(number, 0.0, 1, 1, 10.0) for number in range(500)]
    single = Job(500, 1.0, 2, 1, 10.0)
    day = Simulation(Fleet(2, speed=1.0, start=0.0, lifetime=NEVER), [*batch, single]).run()
    assert day.jobs[-1].wait == pytest.approx(9.0)
    behind = Job(500, 1.0, 1, 1, 10.0)
    batch = [Job(number, 0.0, 1, 1, 10.0) for number in range(500)]
    day = Simulation(Fleet(2, speed=1.0, start=0.0, lifetime=NEVER), [*batch, behind]).run()
    assert day.jobs[-1].wait == pytest.approx(2499.0)


def test_a_dead_workers_job_goes_on_elsewhere() -> None:
    jobs = [Job(number, 0.0, number, 1, 1000.0) for number in range(40)]
    fleet = Fleet(4, speed=1.0, start=0.0, lifetime=2000.0, repair=100.0, takeover=25.0, window=30.0)
    day = Simulation(fleet, jobs).run()
    assert day.deaths > 5
    assert all(job.ended is not None for job in day.jobs)
    # What is done twice is a window for each death and no more.
    assert 40_000 <= day.busy <= 40_000 + 30 * day.deaths


@pytest.mark.slow
def test_the_load_is_what_was_asked_for() -> None:
    load = Load(hours=2000, batched=0.3)
    jobs = list(arrivals(load, 3, seed=5))
    assert sum(job.audio for job in jobs) / HOUR / 3 == pytest.approx(2000, rel=0.05)
    assert [job.at for job in jobs] == sorted(job.at for job in jobs)
    hours = [sum(job.at % DAY // HOUR == hour for job in jobs) for hour in range(24)]
    assert hours[10] > 10 * hours[2]
    assert Load(curve=EVEN).peak == 1.0


def test_workers_for_a_target() -> None:
    load, fleet = Load(hours=200, users=50), Fleet(1, speed=20.0)
    workers = needed(load, fleet, 60.0, seed=1)
    least = least_workers(load, fleet)
    assert 0.7 * least < workers < 5 * least
    assert needed(load, fleet, 6000.0, seed=1) <= workers


def test_demand_grows_with_the_load() -> None:
    fleet, costs = Fleet(40, speed=20.0), Costs(beat_commits=0)
    small, large = (
        {part.name: part for part in demands(simulated(Load(hours=hours), fleet, 1), fleet, costs)}
        for hours in (100, 400)
    )
    for name, part in small.items():
        assert large[name].mean == pytest.approx(4 * part.mean, rel=0.5), name
        assert part.mean <= part.peak
    assert growth(Load(hours=1), costs)[0] == 3600 * 8000


def test_it_runs_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--hours", "100", "--workers", "3", "--speed", "50", "--commits", "10"])
    said = capsys.readouterr().out
    assert "| normal" in said
    assert "First to its limit: database" in said
