"""What every measurement prints: the machine, tables that Markdown understands, and targets met or missed."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import psutil


class Spread:
    """Repeated measurements of one thing."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = sorted(values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def percentile(self, share: float) -> float:
        """The smallest value that at least ``share`` of all do not exceed."""
        return self.values[min(len(self.values) - 1, max(0, -int(-share * len(self.values) // 1) - 1))]

    def columns(self, digits: int = 0) -> list[str]:
        """Median, then least and greatest."""
        low, high = self.values[0], self.values[-1]
        return [f"{self.median:.{digits}f}", f"{low:.{digits}f}–{high:.{digits}f}"]


def say(line: str = "") -> None:
    print(line, flush=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, text to the left and figures to the right."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        parts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return "| " + " | ".join(parts) + " |"

    say(line(headings))
    say("|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|")
    for row in rows:
        say(line(row))
    say()


def target(what: str, value: float, limit: float, unit: str, digits: int = 0) -> None:
    met = "met" if value <= limit else "MISSED"
    say(f"Target {met}: {what} {value:.{digits}f} {unit}, at most {limit:g} {unit} wanted.")
    say()


def at_least(what: str, value: float, limit: float, unit: str, digits: int = 0) -> None:
    met = "met" if value >= limit else "MISSED"
    say(f"Target {met}: {what} {value:.{digits}f} {unit}, at least {limit:g} {unit} wanted.")
    say()


def machine() -> str:
    """The machine in a line, with its load as it is now."""
    memory = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}; load {load}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
