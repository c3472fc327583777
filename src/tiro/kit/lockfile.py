"""A folder that one process owns: a lock that the system frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class AlreadyLocked(Exception):
    """Another process holds the lock."""


class FolderLock:
    """Held from construction until ``release`` or the end of the process.

    Raises:
        AlreadyLocked: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            os.close(self._descriptor)
            raise AlreadyLocked(str(path)) from err

    def release(self) -> None:
        os.close(self._descriptor)
