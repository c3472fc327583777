"""The doctor looks and changes nothing: not the schema, not a lock, not for long in one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.conftest import make_settings
from tests.databases import POSTGRESQL, reaching_into, sqlites_own
from tests.makecall import wav
from tests.serving import thread_server, wait_until

from tiro.bootstrap.data import inspect_data, lock_data_folder, open_database
from tiro.errors import DatabaseTooNew
from tiro.features.checkup.service import CheckupService
from tiro.storage.local import LocalStorage
from tiro.storage.parts import LocalParts


def fingerprint(data: Path) -> str:
    return hashlib.sha256((data / "tiro.db").read_bytes()).hexdigest()


def set_schema(data: Path, revision: str) -> None:
    with closing(sqlite3.connect(data / "tiro.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.execute("UPDATE schema SET oldest = ?", [revision])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@sqlites_own
def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    open_database(settings).close()
    set_schema(tmp_path, "9999")
    before = fingerprint(tmp_path)
    with pytest.raises(DatabaseTooNew, match="9999"):
        open_database(settings)
    with pytest.raises(DatabaseTooNew):
        inspect_data(settings)
    assert fingerprint(tmp_path) == before


@sqlites_own
def test_looking_makes_no_database_and_changes_no_schema(tmp_path: Path) -> None:
    assert inspect_data(make_settings(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(tmp_path / "tiro.db")) as connection:
        connection.execute("CREATE TABLE something (x)")
    [found] = inspect_data(make_settings(tmp_path))
    assert "tiro serve" in found.faults[0]
    with closing(sqlite3.connect(tmp_path / "tiro.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert names == ["something"]


@sqlites_own
def test_the_log_can_be_tidied_up_while_files_are_read(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    reading, go_on = threading.Event(), threading.Event()

    class SlowStorage(LocalStorage):
        def open(self, key: str) -> BinaryIO:
            reading.set()
            assert go_on.wait(60)
            return super().open(key)

    with thread_server(settings) as server:
        server.client.send_file("call.wav", wav(2), wait=30)
        storage = SlowStorage(tmp_path, 0)
        parts = LocalParts(tmp_path, storage)
        checkup = CheckupService(server.runtime.database, storage, parts, running=lambda: True)
        looking = threading.Thread(target=checkup.run)
        looking.start()
        try:
            assert reading.wait(60)
            server.client.send_file("call.wav", wav(2), wait=30)
            with closing(sqlite3.connect(tmp_path / "tiro.db")) as connection:
                # A reader that is in a transaction blocks this, and the log grows for as long.
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            go_on.set()
            looking.join()
    assert busy == 0


def test_a_file_whose_row_comes_late_is_no_fault_while_a_server_runs(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    open_database(settings).close()
    late = tmp_path / "media" / "ab" / "0000-ab"
    late.parent.mkdir(parents=True)
    late.write_bytes(b"x")

    def lost(settle_seconds: float) -> list[str]:
        found = inspect_data(settings, settle_seconds=settle_seconds)
        return [fault for one in found for fault in one.faults]

    # Alone there is nobody to wait for; with PostgreSQL others may be at work elsewhere.
    assert "without a recording" in lost(0.2 if POSTGRESQL else 60)[0]
    lock = lock_data_folder(settings)
    try:
        assert "without a recording" in lost(0.2)[0]
        found: list[list[str]] = []
        looking = threading.Thread(target=lambda: found.append(lost(60)))
        looking.start()
        wait_until(looking.is_alive, what="the look")
        late.unlink()
        looking.join()
        assert found == [[]]
    finally:
        lock.release()


def test_a_wrong_count_is_found(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with thread_server(settings) as server:
        first, second = (server.client.send_file("call.wav", wav(1), wait=30).json() for _ in range(2))
        server.client.delete(f"/api/v1/transcribe/{first['session_id']}")
        page = server.client.get("/api/v1/transcribe").json()
        assert (page["total"], [item["session_id"] for item in page["items"]]) == (1, [second["session_id"]])
    assert [finding for finding in inspect_data(settings) if finding.faults] == []
    with reaching_into(tmp_path) as execute:
        execute("UPDATE users SET recordings = 7")
    [found] = [finding for finding in inspect_data(settings) if finding.faults]
    assert (found.promise, found.faults) == ("every user's recordings are counted", ["owner"])
