"""Whose turn it is: start-time fair queueing, in one number a job."""

from __future__ import annotations


def next_turn(least: int | None, last: int | None) -> int:
    """The turn of one more job of a user.

    Args:
        least: the least turn that waits in the same queue and priority; None where nothing waits.
        last: the greatest turn of the user's own jobs that wait there; None where none does.
    """
    return max(0 if least is None else least, -1 if last is None else last + 1)
