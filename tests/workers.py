"""Workers without a server, several on one data folder: in threads here, or as processes to be stopped.

``python -m tests.workers`` is such a process; its settings are those of its environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import SECRET, database_for
from tests.serving import wait_until
from tiro import logs
from tiro.bootstrap.server import Runtime, build_runtime
from tiro.features.jobs.states import Priority
from tiro.features.recordings.service import Intake
from tiro.kit.ids import uuid7
from tiro.settings import Settings
from tiro.speech.options import TranscriptionOptions


@contextmanager
def runtime_of(settings: Settings) -> Iterator[Runtime]:
    """All parts of a server, with nobody at work."""
    runtime = build_runtime(settings)
    try:
        yield runtime
    finally:
        runtime.close()


@contextmanager
def at_work(runtime: Runtime) -> Iterator[None]:
    """The runtime's runner at work in a thread."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await runtime.runner.run()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        wait_until(lambda: loops, what="the worker's start")
        yield
    finally:
        loops[0].call_soon_threadsafe(runtime.runner.stop)
        thread.join()


@contextmanager
def worker_process(data: Path, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, that writes its log to ``log``; ended at the end, even if stopped."""
    environment = dict(os.environ) | {"TIRO_DATA": str(data), "TIRO_ENGINE_DOWNLOAD": "false"}
    if url := database_for(data):
        environment |= {"TIRO_DATABASE_URL": url, "TIRO_AUTH_SECRET": SECRET}
    environment |= {f"TIRO_{name.upper()}": value for name, value in settings.items()}
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "tests.workers"], stderr=file, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()


def send(runtime: Runtime, data: bytes, engine: str, user_id: str | None = None) -> str:
    """Take a recording in as the door does, of the first user where no other is named; its id."""
    recording_id = str(uuid7())
    with runtime.database.write() as session:
        owner_id = user_id or runtime.users.owner(session).id
    with runtime.recordings.begin(recording_id, len(data)) as upload:
        upload.write(data)
        intake = Intake(
            recording_id=recording_id,
            filename="call.wav",
            title=None,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            options=TranscriptionOptions(engine=engine),
            priority=Priority.NORMAL,
            owner_id=owner_id,
            idempotency_key=None,
        )
        return runtime.recordings.accept(upload, intake)[0]


async def _work(runtime: Runtime) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runtime.runner.stop)
    await runtime.runner.run()


if __name__ == "__main__":
    logs.configure("info", "json")
    with runtime_of(Settings()) as runtime:
        asyncio.run(_work(runtime))
