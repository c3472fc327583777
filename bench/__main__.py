"""Run the measurements named on the command line, or all but the long ones, ``faults`` and ``whisper``."""

from __future__ import annotations

import argparse
import os
import time

from bench import (
    authentication,
    backups,
    cancelling,
    cluster,
    database,
    decoding,
    faults,
    guard,
    listing,
    memory,
    overhead,
    scaling,
    starting,
    uploads,
    web,
    whisper,
)
from bench.report import machine, say

_ALL = {
    "overhead": overhead,
    "starting": starting,
    "authentication": authentication,
    "listing": listing,
    "uploads": uploads,
    "decoding": decoding,
    "memory": memory,
    "guard": guard,
    "cancelling": cancelling,
    "backups": backups,
    "scaling": scaling,
    "database": database,
    "cluster": cluster,
    "web": web,
    "faults": faults,
    "whisper": whisper,
}

_LONG = {"faults", "whisper"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(_ALL)}")
    parser.add_argument("--quick", action="store_true", help="whisper: short recordings, each once")
    asked, more = parser.parse_known_args()
    if more and asked.names != ["scaling"]:
        parser.error(f"unknown: {' '.join(more)}")
    names = asked.names
    if unknown := set(names) - set(_ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(_ALL)}")
    # With it, every process would compile what it imports, as happens to nobody who runs Tiro.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in names or [name for name in _ALL if name not in _LONG]:
        started = time.monotonic()
        module = _ALL[name]
        say(f"## {name}: {' '.join((module.__doc__ or '').split())}")
        say()
        say(f"`{' '.join(['python -m bench', name, *more])}` on {machine()}")
        say()
        if module is whisper:
            whisper.run(quick=asked.quick)
        elif module is scaling:
            scaling.run(more)
        else:
            module.run()
        say(f"({name} took {time.monotonic() - started:.0f} s; at its end {machine().split('; ')[-1]})")
        say()


if __name__ == "__main__":
    main()
