"""A day of a large installation, simulated: how long people wait, how many workers it takes, and which part
comes to its limit first."""

from bench.scaling.report import run

__all__ = ["run"]
