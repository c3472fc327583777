"""The queue: jobs a second, what a claim costs as the queue grows, two workers beside one, fairness, and how
soon a dead worker's job is picked up."""

from __future__ import annotations

from bench.cluster import claiming, throughput, workers
from tiro import logs


def run() -> None:
    logs.configure("error", "text")
    throughput.run()
    claiming.run()
    workers.run()
