"""What an earlier attempt recorded is used only under the plan that it was recorded under."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.checkup import job_row
from tests.conftest import make_settings
from tests.databases import sqlites_own
from tests.makecall import wav
from tests.serving import ServerProcess, server_process, thread_server, wait_until

from tiro.bootstrap.data import inspect_data, open_database
from tiro.db.tables import JobTable
from tiro.features.openai import form

CALL = wav(45)


@pytest.mark.slow
@pytest.mark.parametrize("same_plan", [True, False])
def test_another_plan_begins_anew(tmp_path: Path, same_plan: bool) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data)
    session_id = server.client.send_file("call.wav", CALL, engine="echo:0.06").json()["session_id"]
    wait_until(
        lambda: len(server.client.session(session_id)["transcript"]["segments"]) >= 2, what="two segments"
    )
    server.kill()
    settings = make_settings(data)
    if not same_plan:
        database = open_database(settings)
        with database.write() as session:
            session.execute(update(JobTable).values(plan={"engine": "another"}))
        database.close()
    with thread_server(settings, recover=True) as restarted:
        result = restarted.client.until_ended(session_id)
        fresh = restarted.client.send_file("call.wav", CALL, engine="echo", wait=60).json()
        told = [event.type for event in _events(restarted, session_id)]
        assert result["status"] == "completed"
        assert result["transcript"] == fresh["transcript"]
        assert told.count("restart") == (0 if same_plan else 1)
        *deltas, done = asyncio.run(_streamed(restarted, session_id))
        assert "".join(event["delta"] for event in deltas) == done["text"]
    assert not any(finding.faults for finding in inspect_data(settings))


@sqlites_own
def test_files_of_unknown_recordings_are_set_aside_not_deleted(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data")
    with thread_server(settings) as server:
        session_id = server.client.send_file("call.wav", wav(2), wait=30).json()["session_id"]
    for path in settings.data.glob("tiro.db*"):
        path.unlink()
    with thread_server(settings, recover=True):
        assert (settings.data / "orphaned" / session_id).read_bytes() == wav(2)
    assert not any(finding.faults for finding in inspect_data(settings))


async def never() -> bool:
    return False


async def _streamed(server, session_id: str):  # type: ignore[no-untyped-def]
    """The recording as OpenAI's API streams it: nothing that was told is told again."""
    asked = form.read({"model": ["echo"], "stream": ["true"]}, "transcribe", {})
    return [event async for event in server.runtime.openai.stream(session_id, asked, never)]


def _events(server, session_id: str):  # type: ignore[no-untyped-def]
    from tiro.features.events import repository

    with server.runtime.database.read() as session:
        return repository.after(session, session_id, 0, 10_000)


@pytest.mark.slow
def test_a_machine_that_sleeps_loses_no_try(tmp_path: Path) -> None:
    """Asleep for longer than the lease, again and again: nobody else worked on the job, so it goes on."""
    lease = 1.0
    with server_process(tmp_path / "data", jobs_lease_seconds=str(lease)) as server:
        session_id = server.client.send_file("call.wav", CALL, engine="echo:0.1").json()["session_id"]
        wait_until(lambda: server.client.session(session_id)["stage"] == "transcribe", what="the engine")
        for _ in range(2):
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(lease * 1.3)  # the lease runs out by the time of day; no event tells of it
            server.process.send_signal(signal.SIGCONT)
            server.client.session(session_id)
        assert server.client.until_ended(session_id)["status"] == "completed"
        assert job_row(server.data, session_id)["attempt"] == 1
