"""What a bucket costs beside a folder: `python -m bench.storage [MEGABYTES]`. The bucket is moto's, in a
process beside this one: it is slow, so only the memory says something of a real one."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from tests.services.s3 import s3

from tiro.bootstrap.ports import build_storage
from tiro.settings import Settings
from tiro.storage.base import RecordingStorage

_PIECE = 1 << 20


@contextmanager
def _watched() -> Iterator[list[float]]:
    """How much the resident memory has grown at most, in MB."""
    process, over, grown = psutil.Process(), threading.Event(), [0.0]
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.01):
            grown[0] = max(grown[0], (process.memory_info().rss - before) / 1e6)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield grown
    finally:
        over.set()
        thread.join()


def measure(name: str, storage: RecordingStorage, megabytes: int) -> None:
    """Print how fast one upload goes in and comes back, and what memory that takes."""
    data = os.urandom(_PIECE)
    with _watched() as grown:
        start = time.perf_counter()
        with storage.create("a", megabytes * _PIECE) as upload:
            for _ in range(megabytes):
                upload.write(data)
            upload.commit()
        sent = time.perf_counter() - start
        peak = grown[0]
        start = time.perf_counter()
        storage.fetch("a").close()
        got = time.perf_counter() - start
    print(
        f"{name:8} {megabytes} MiB in {sent:.1f} s ({megabytes / sent:.0f} MiB/s), memory +{peak:.0f} MB; "
        f"fetched in {got:.1f} s, memory +{grown[0]:.0f} MB"
    )
    storage.close()


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    print("load", *(f"{load:.1f}" for load in os.getloadavg()))
    with TemporaryDirectory() as folder:
        for name, said in (("folder", {}), ("bucket", s3().settings())):
            settings = Settings(_env_file=None, data=Path(folder), storage=said)
            measure(name, build_storage(settings)[0], megabytes)


if __name__ == "__main__":
    main()
