"""From the wish to cancel a job that is at work to its end, as a client sees it."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from tests.conftest import make_settings
from tests.makecall import wav
from tests.serving import Client, thread_server, wait_until

from bench.report import Spread, say, target
from tiro import logs

_TIMES = 20
_LIMIT = 2.0


def run() -> None:
    logs.configure("error", "text")
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder, thread_server(make_settings(Path(folder))) as server:
        for _ in range(_TIMES):
            took.append(_cancelled(server.client))
    spread = Spread(took)
    say(f"{_TIMES} jobs, each cancelled while a slow engine is in the middle of a window:")
    say(f"median {spread.median:.2f} s, {spread.values[0]:.2f} to {spread.values[-1]:.2f} s.")
    say()
    target("the slowest cancel", spread.values[-1], _LIMIT, "s", 2)


def _cancelled(client: Client) -> float:
    # 30 s of work for each second of audio.
    session_id = client.send_file("call.wav", wav(20), engine="echo:30").json()["session_id"]
    wait_until(partial(_at_work, client, session_id), what="the engine at work")
    began = time.monotonic()
    client.post(f"/api/v1/transcribe/{session_id}/cancel")
    client.until_ended(session_id)
    return time.monotonic() - began


def _at_work(client: Client, session_id: str) -> bool:
    return bool(client.session(session_id)["stage"] == "transcribe")
