"""From the wish to cancel a job at work to the end of the job: ``python -m bench.cancelling``."""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, thread_server, wait_until

from tiro import logs

TIMES = 20


def main() -> None:
    """A slow engine is in the middle of a window each time; what is shown is what a client sees."""
    logs.configure("error", "text")
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder, thread_server(make_settings(Path(folder))) as server:
        for _ in range(TIMES):
            # 30 s of work for each second of audio: no window is ever done.
            session_id = server.client.send_file("call.wav", wav(20), engine="echo:30").json()["session_id"]
            wait_until(partial(_at_work, server.client, session_id), what="the engine at work")
            began = time.monotonic()
            server.client.post(f"/api/v1/transcribe/{session_id}/cancel")
            server.client.until_ended(session_id)
            took.append(time.monotonic() - began)
    took.sort()
    print(
        f"{TIMES} cancels: median {statistics.median(took):.2f} s, "
        f"{took[0]:.2f} to {took[-1]:.2f} s (promised: 2 s)"
    )


def _at_work(client: Client, session_id: str) -> bool:
    return bool(client.session(session_id)["stage"] == "transcribe")


if __name__ == "__main__":
    main()
