"""Simulate a day: wait times, workers needed, demand on each part, and which comes to its limit first.

The queue's order is the real one; what the parts cost and can do was measured apart, and is said with each
figure in docs/scaling.md. A result is an estimate.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from bench.report import Spread, say, table
from bench.scaling.costs import Costs, demands, growth, least_workers
from bench.scaling.load import DAY, EVEN, HOUR, OFFICE, Job, Load, arrivals
from bench.scaling.simulation import Day, Fleet, Simulation

_WARM = 1


def _single(priority: int) -> Callable[[Job], bool]:
    return lambda job: job.priority == priority and not job.batched and job.at >= _WARM * DAY


_KINDS: dict[str, Callable[[Job], bool]] = {
    "high": _single(0),
    "normal": _single(1),
    "low": _single(2),
    "in batches": lambda job: job.batched and job.at >= _WARM * DAY,
}


def run(given: Sequence[str] = ()) -> None:
    asked = _parser().parse_args(given)
    if asked.measure:
        from bench.scaling.measure import measure

        measure()
        return
    load = Load(
        hours=asked.hours,
        mean=asked.minutes * 60,
        users=asked.users,
        batched=asked.batched,
        batch=asked.batch,
        curve=EVEN if asked.even else OFFICE,
    )
    fleet = Fleet(1, asked.slots, asked.speed, asked.start, asked.lifetime * HOUR)
    costs = replace(
        Costs(), **{field.name: value for field in fields(Costs) if (value := getattr(asked, field.name))}
    )
    workers = asked.workers or needed(load, fleet, asked.target, asked.seed)
    fleet = replace(fleet, workers=workers)
    _report(load, fleet, costs, simulated(load, fleet, asked.seed), asked.target)


def simulated(load: Load, fleet: Fleet, seed: int) -> Day:
    """A day after another like it, so that it begins with what that left."""
    return Simulation(fleet, arrivals(load, 1 + _WARM, seed), seed).run()


def needed(load: Load, fleet: Fleet, target: float, seed: int) -> int:
    """The least workers with which 95 of 100 single files of normal priority wait no longer than that."""

    def enough(workers: int) -> bool:
        waits = simulated(load, replace(fleet, workers=workers), seed).waits(_KINDS["normal"])
        return Spread(waits).percentile(0.95) <= target

    low, high = 0, max(1, math.ceil(least_workers(load, fleet)))
    while not enough(high):
        low, high = high, math.ceil(high * 1.3) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _report(load: Load, fleet: Fleet, costs: Costs, day: Day, target: float) -> None:
    say(
        f"{load.hours:,.0f} hours a day: {load.files:,.0f} files of {load.mean / 60:g} minutes on average, "
        f"{load.users:,} users, {load.batched:.0%} in batches of {load.batch}; the busiest hour has "
        f"{load.peak:.1f} times the mean. {fleet.workers} workers with {fleet.slots} x {fleet.speed:g} times "
        f"real time; {day.deaths} deaths in {day.seconds / DAY:.1f} days. Target: 95 of 100 single files of "
        f"normal priority wait at most {target:g} s."
    )
    say()
    rows = []
    for name, kind in _KINDS.items():
        if waits := day.waits(kind):
            spread = Spread(waits)
            figures = [*(spread.percentile(share) for share in (0.5, 0.95, 0.99)), spread.values[-1]]
            rows.append([name, f"{len(waits):,}", *(f"{value:,.1f}" for value in figures)])
    table(["wait, seconds", "files", "p50", "p95", "p99", "worst"], rows)
    slots = fleet.workers * fleet.slots
    say(
        f"The slots are busy for {day.busy / (slots * day.seconds):.0%} of the time; at most {day.longest:,} "
        "files waited."
    )
    say()
    _report_parts(load, fleet, costs, day)


def _report_parts(load: Load, fleet: Fleet, costs: Costs, day: Day) -> None:
    found = demands(day, fleet, costs)
    rows = [
        [
            part.name,
            part.unit,
            f"{part.mean:.1f}",
            f"{part.peak:.1f}",
            "add more" if part.limit is None else f"{part.limit:,.0f}",
            "" if part.breaks is None else f"{part.breaks:.1f} x",
        ]
        for part in found
    ]
    table(["part", "unit", "mean", "busiest 5 min", "limit of one", "full at"], rows)
    limited = [(part.breaks, part) for part in found if part.breaks is not None]
    breaks, first = min(limited, key=lambda pair: pair[0])
    say(
        f"First to its limit: {first.name}, at {breaks:.1f} times this load, which is "
        f"{breaks * load.hours:,.0f} hours a day."
    )
    media, kept = growth(load, costs)
    say(f"A day adds {media / 1e9:,.0f} GB of recordings and {kept / 1e9:.1f} GB of rows.")
    say()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench scaling", description=__doc__)
    load, fleet = Load(), Fleet(1)
    parser.add_argument("--hours", type=float, default=load.hours, help="of audio in a day")
    parser.add_argument("--minutes", type=float, default=load.mean / 60, help="mean length of a file")
    parser.add_argument("--users", type=int, default=load.users)
    parser.add_argument("--batched", type=float, default=load.batched, help="share of audio in batches")
    parser.add_argument("--batch", type=int, default=load.batch, help="files in a batch")
    parser.add_argument("--even", action="store_true", help="no peaks: each hour like the others")
    parser.add_argument("--workers", type=int, help="by default as many as the target needs")
    parser.add_argument("--slots", type=int, default=fleet.slots, help="jobs at once in a worker")
    parser.add_argument(
        "--speed", type=float, default=fleet.speed, help="audio a second of one slot, in seconds"
    )
    parser.add_argument("--start", type=float, default=fleet.start, help="seconds of a job beside that")
    parser.add_argument(
        "--lifetime", type=float, default=fleet.lifetime / HOUR, help="hours until one dies; 0: never"
    )
    parser.add_argument(
        "--target", type=float, default=60.0, help="seconds that 95 of 100 normal files may wait"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--measure", action="store_true", help="measure what a job costs here, instead")
    for field in fields(Costs):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, help=argparse.SUPPRESS)
    return parser
