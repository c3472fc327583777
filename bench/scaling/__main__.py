"""`python -m bench.scaling`: as `python -m bench scaling`, and what a job costs with ``--measure``."""

import sys

from bench.report import machine, say
from bench.scaling.report import run

say(f"`python -m bench.scaling {' '.join(sys.argv[1:])}` on {machine()}")
say()
run(sys.argv[1:])
