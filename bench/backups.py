"""A backup and a restore of 1 GB of files and 100,000 rows: time, and memory above an idle process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import insert

from bench.report import machine, say, table
from tiro.bootstrap.data import open_database
from tiro.db.tables import AuditTable, JobTable, RecordingTable
from tiro.features.users.service import UserService
from tiro.settings import Settings
from tiro.storage.local import LocalStorage

_FILES, _BYTES, _ROWS = 100, 10_000_000, 100_000
_ROUNDS = 3


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        _fill(source)
        rows = []
        archive = Path(folder) / "tiro.tar"
        for number in range(_ROUNDS):
            rows.append(_row(f"backup {number + 1}", *_tiro(source, "backup", str(archive))))
            target = Path(folder) / f"target{number}"
            rows.append(_row("restore, with doctor", *_tiro(target, "restore", str(archive))))
            rows.append(_row("restore --verify", *_tiro(target, "restore", "--verify", str(archive))))
        idle = _tiro(source, "--version")
    say(f"Idle: {idle[1] / 2**20:.0f} MiB, {idle[0]:.1f} s (`tiro --version`). {machine().split('; ')[-1]}.")
    say()
    table(["command", "seconds", "MB/s", "peak MiB"], rows)


def _row(name: str, seconds: float, peak: int) -> list[str]:
    return [name, f"{seconds:.1f}", f"{_FILES * _BYTES / 1e6 / seconds:.0f}", f"{peak / 2**20:.0f}"]


def _fill(data: Path) -> None:
    database, storage = open_database(Settings(data=data)), LocalStorage(data, 0)
    at, content = datetime(2026, 1, 1, tzinfo=UTC), os.urandom(_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    with database.write() as session:
        user = UserService(database).owner(session)
        user.recordings, owner = _FILES, user.id
        for number in range(_FILES):
            key = f"00000000-0000-7000-8000-{number:012x}"
            with storage.create(key) as upload:
                upload.write(content)
                upload.commit()
            values = {"id": key, "owner_id": owner, "title": "call", "filename": "call.wav", "size": _BYTES}
            more = {"sha256": digest, "passing": False, "created_at": at, "media": None}
            session.execute(insert(RecordingTable).values(**values, **more))
            job = {"id": key, "recording_id": key, "user_id": owner, "state": "cancelled", "priority": 1}
            times = {"created_at": at, "queued_at": at, "finished_at": at}
            session.execute(insert(JobTable).values(**job, **times, options={}, tries_left=0))
        entry = {"at": at, "action": "job.retried", "kind": "key", "name": "a name", "target": owner}
        session.execute(insert(AuditTable), [{**entry, "details": {"number": n}} for n in range(_ROWS)])
    database.close()


def _tiro(data: Path, *arguments: str) -> tuple[float, int]:
    """Seconds, and the greatest memory (RSS) seen."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "tiro.cli.main", *arguments],
        env=os.environ | {"TIRO_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.02)
    if code := process.wait():
        raise SystemExit(f"tiro {' '.join(arguments)} ended with {code}")
    return time.perf_counter() - began, peak
