"""Fuzz the API: `make fuzz MINUTES=15`.

Schemathesis reads the OpenAPI document of a real server on loopback, and looks for an answer that breaks it,
over everything that `schemathesis.toml` beside this file does not leave out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, help="by default another one each time; it is printed")
    parser.add_argument("rest", nargs="*", help="for schemathesis itself, behind --")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(Path(folder), seconds=round(60 * wanted.minutes), seed=wanted.seed, rest=wanted.rest)


if __name__ == "__main__":
    sys.exit(main())
