"""A folder that one process owns: a lock that the system frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTANT = 0.05


class AlreadyLocked(Exception):
    """Another process holds the lock."""


class FolderLock:
    """Held from construction until ``release`` or the end of the process.

    Args:
        shared: with others who share it.

    Raises:
        AlreadyLocked: another process holds it, and does not share it or is not to share it.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Twice, because `is_locked` holds it for an instant.
        for last_try in (False, True):
            try:
                kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError as err:
                if last_try:
                    os.close(self._descriptor)
                    raise AlreadyLocked(str(path)) from err
                time.sleep(_INSTANT)
            else:
                break

    def release(self) -> None:
        os.close(self._descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock; where there is no file, nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def waiting_for(path: Path) -> Iterator[None]:
    """Hold the lock for the block; whoever comes meanwhile waits."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
