"""One process's threads share heaps: glibc would open one for each."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tiro.kit import memory

_CROWD = """
import ctypes, sys, threading

if sys.argv[1] == "together":
    from tiro.kit import memory

    memory.keep_together()

glibc = ctypes.CDLL(None)
glibc.malloc.restype = ctypes.c_void_p
started = threading.Barrier(8)


def take():
    started.wait()
    assert glibc.malloc(1000)
    started.wait()


threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
glibc.malloc_stats()
"""


def arenas(how: str) -> int:
    """How many heaps eight threads have opened, as glibc itself counts them on its standard error."""
    done = subprocess.run([sys.executable, "-c", _CROWD, how], capture_output=True, text=True, check=True)
    return sum(line.startswith("Arena ") for line in done.stderr.splitlines())


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have no such heaps")
def test_threads_share_heaps() -> None:
    assert arenas("apart") > memory.ARENAS
    assert arenas("together") == memory.ARENAS
