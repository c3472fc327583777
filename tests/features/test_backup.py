"""Backups: everything comes back, into whichever database, or nothing does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import insert, select, update
from tests.backups import TITLE, House, all_files, all_rows, back_up, bring_back, furnish, nothing
from tests.commands import run_here
from tests.conftest import make_settings
from tests.databases import POSTGRESQL
from tests.serving import Client, thread_server, wait_until

from tiro.bootstrap.backup import backing_up
from tiro.bootstrap.data import inspect_data, open_database
from tiro.db import migrate
from tiro.db.tables import AuditTable, EventTable, RecordingTable, Table, UserTable
from tiro.errors import (
    BackupTooNew,
    DatabaseTooNew,
    DataInUse,
    DataPresent,
    NotFound,
)
from tiro.features.backup import repository
from tiro.features.backup.restoring import verify
from tiro.features.backup.service import BackupService
from tiro.features.jobs.fleet import Fleet, Worker
from tiro.kit import clock
from tiro.settings import Settings
from tiro.storage.local import LocalStorage

CHANGED = {"jobs", "events", "audit", "uploads"}
"""Tables in which a restore writes, or of which it leaves out what is no accepted work."""

secret_in_the_folder = pytest.mark.skipif(
    POSTGRESQL, reason="the secret of servers that share a database is in their settings"
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return furnish(make_settings(tmp_path_factory.mktemp("house")))


@pytest.fixture(scope="module")
def archive(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backups") / "tiro.tar"
    back_up(house.settings, path)
    return path


def elsewhere(tmp_path: Path, name: str = "elsewhere") -> Settings:
    return Settings(_env_file=None, data=tmp_path / name, engine={"download": False})  # type: ignore[call-arg, arg-type]


def faults(settings: Settings) -> list[str]:
    return [fault for found in inspect_data(settings) for fault in found.faults]


def test_every_table_and_column_is_carried(archive: Path) -> None:
    with archive.open("rb") as file:
        head = verify(file, nothing).head
    carried = {table.name: list(table.columns) for table in head.tables}
    there = {
        table.name: [column.name for column in table.columns]
        for table in Table.metadata.sorted_tables
        if table.name not in repository.LEFT_OUT
    }
    assert carried == there
    assert repository.LEFT_OUT.keys() <= Table.metadata.tables.keys()
    assert all(table.rows for table in head.tables), "the test's house has an empty table"


def test_all_comes_back(house: House, archive: Path, tmp_path: Path) -> None:
    before = all_rows(house.settings)
    target = elsewhere(tmp_path)
    restored = bring_back(target, archive)
    after = all_rows(target)
    for name in before.keys() - CHANGED - repository.LEFT_OUT.keys():
        assert after[name] == before[name], name
    assert all_files(target) == all_files(house.settings)
    if not POSTGRESQL:
        assert stat.S_IMODE((target.data / "secret").stat().st_mode) == 0o600
    _changed_as_it_should(house, before, after)
    assert (restored.jobs, restored.other_secret) == (1, POSTGRESQL)
    assert not faults(target)


def _changed_as_it_should(house: House, before: dict[str, Any], after: dict[str, Any]) -> None:
    names = [column.name for column in Table.metadata.tables["jobs"].columns]
    jobs = {row[0]: dict(zip(names, row, strict=True)) for row in before["jobs"]}
    for row in after["jobs"]:
        job = jobs.pop(row[0])
        now = dict(zip(names, row, strict=True))
        if job["state"] == "running":
            assert (now["state"], now["owner"], now["lease_until"]) == ("queued", None, None)
            assert now["tries_left"] == job["tries_left"] + 1
            continue
        assert now == job
    assert not jobs
    [event] = set(after["events"]) - set(before["events"])
    assert house.running in event
    assert set(before["events"]) < set(after["events"])
    # The entry of the backup itself was made after it.
    [entry] = set(after["audit"]) - set(before["audit"])
    assert "backup.restored" in entry
    assert {row for row in before["uploads"] if house.unfinished_upload not in row} == set(after["uploads"])


def test_numbers_go_on_after_the_greatest_given(house: House, archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    with archive.open("rb") as file:
        given = verify(file, nothing).head.sequences
    there = all_rows(house.settings)["events"]
    assert max(row[0] for row in there) < given["events.seq"]
    bring_back(target, archive)
    rows = all_rows(target)
    new = set(rows["events"]) - set(there)
    assert min(row[0] for row in new) > given["events.seq"]
    assert given["audit.seq"] > 0


def test_a_restored_server_goes_on(house: House, archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    bring_back(target, archive)
    with thread_server(target, recover=True) as server:
        with Client(server.address, house.key) as client:
            assert client.until_ended(house.running)["status"] == "completed"
            session = client.session(house.finished)
            assert (session["status"], session["title"]) == ("completed", TITLE)
            media = client.get(f"/api/v1/transcribe/{house.finished}/media")
            assert media.status_code == 200
            assert media.content == LocalStorage(house.settings.data, 0).path(house.finished).read_bytes()
            assert client.get(f"/api/v1/transcribe/{house.removed}/media").status_code == 410
        server.runtime.accounts.login("ann", "correct horse battery")


def test_into_postgresql_and_back(house: House, archive: Path, tmp_path: Path) -> None:
    from tests.services.postgres import postgres

    cluster = elsewhere(tmp_path, "cluster")
    cluster.database.url = postgres().empty_database()
    bring_back(cluster, archive)
    assert not faults(cluster)
    there = all_rows(cluster)
    before = all_rows(house.settings)
    for name in before.keys() - CHANGED - repository.LEFT_OUT.keys():
        assert there[name] == before[name], name
    second = tmp_path / "second.tar"
    back_up(cluster, second)
    there = all_rows(cluster)
    home = elsewhere(tmp_path, "home")
    bring_back(home, second)
    assert not faults(home)
    after = all_rows(home)
    for name in there.keys() - {"audit"} - repository.LEFT_OUT.keys():
        assert after[name] == there[name], name
    assert all_files(home) == all_files(house.settings)
    database = open_database(cluster)
    with database.write() as session:
        row = EventTable(recording_id=house.finished, type="state", data={}, created_at=clock.now())
        session.add(row)
        session.flush()
        assert row.seq == max(event[0] for event in there["events"]) + 1
    database.close()


def test_what_postgresql_does_not_take_comes_in_another_form(tmp_path: Path) -> None:
    from tests.services.postgres import postgres

    source = elsewhere(tmp_path, "source")
    database = open_database(source)
    with database.upgrading() as connection:
        values = "'1', 'a' || char(0) || 'b', 'user', 0, '2026-01-01 00:00:00.000000'"
        connection.exec_driver_sql(
            f"INSERT INTO users (id, name, role, recordings, created_at) VALUES ({values})"
        )
    database.close()
    back_up(source, tmp_path / "tiro.tar")
    target = elsewhere(tmp_path)
    target.database.url = postgres().empty_database()
    bring_back(target, tmp_path / "tiro.tar")
    assert all_rows(target)["users"][0][1] == "a\ufffdb"


def test_nothing_is_put_upon_what_is_there(house: House, archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    _lived_in(target)
    before = all_rows(target), all_files(target)
    with pytest.raises(DataPresent):
        bring_back(target, archive)
    assert (all_rows(target), all_files(target)) == before
    bring_back(target, archive, replace=True)
    assert all_rows(target)["recordings"] == all_rows(house.settings)["recordings"]
    assert not faults(target)
    assert [path.name for path in (target.data / "orphaned").iterdir()] == ["f" * 36]


def _lived_in(target: Settings) -> None:
    database = open_database(target)
    with database.write() as session:
        session.execute(
            insert(UserTable).values(id="1", name="eve", role="user", recordings=1, created_at=clock.now())
        )
        session.execute(
            insert(RecordingTable).values(
                id="f" * 36,
                owner_id="1",
                title="",
                filename="",
                size=3,
                sha256="",
                passing=False,
                created_at=clock.now(),
            )
        )
    database.close()
    with LocalStorage(target.data, 0).create("f" * 36) as upload:
        upload.write(b"abc")
        upload.commit()


def test_a_failed_replacement_leaves_what_was_there(archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    _lived_in(target)
    before = all_rows(target), all_files(target)
    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(Exception, match="damaged"):
        bring_back(target, tmp_path / "cut.tar", replace=True)
    assert (all_rows(target), all_files(target)) == before


def test_files_that_are_still_there_are_left_alone(house: House, archive: Path, tmp_path: Path) -> None:
    """As where only the database was lost; and where the backup was made without them."""
    bare = tmp_path / "bare.tar"
    made = back_up(house.settings, bare, media=False)
    assert made.absent["elsewhere"] == made.head.files > 1
    for number, source in enumerate((archive, bare)):
        target = elsewhere(tmp_path, f"target{number}")
        shutil.copytree(house.settings.data / "media", target.data / "media")
        inodes = {path.name: path.stat().st_ino for path in (target.data / "media").rglob("*")}
        bring_back(target, source)
        assert {path.name: path.stat().st_ino for path in (target.data / "media").rglob("*")} == inodes
        assert not faults(target)


def test_the_secret_may_stay_at_home(house: House, tmp_path: Path) -> None:
    back_up(house.settings, tmp_path / "tiro.tar", secret=False)
    with tarfile.open(tmp_path / "tiro.tar") as tar:
        assert not [name for name in tar.getnames() if name.startswith("keep/")]
    target = elsewhere(tmp_path)
    assert bring_back(target, tmp_path / "tiro.tar").other_secret
    assert not (target.data / "secret").exists()


@secret_in_the_folder
def test_a_secret_that_the_settings_name_is_compared_and_never_carried(house: House, tmp_path: Path) -> None:
    secret = (house.settings.data / "secret").read_text()
    named = make_settings(house.settings.data, auth={"secret": secret})
    assert back_up(named, tmp_path / "tiro.tar").head.secrets == "set elsewhere"
    with tarfile.open(tmp_path / "tiro.tar") as tar:
        assert "keep/secret" not in tar.getnames()
    same = elsewhere(tmp_path, "same")
    same.auth.secret = named.auth.secret
    assert not bring_back(same, tmp_path / "tiro.tar").other_secret
    assert not (same.data / "secret").exists()
    assert bring_back(elsewhere(tmp_path), tmp_path / "tiro.tar").other_secret


# --- beside a server that is at work ---------------------------------------------------------------


class Removing(LocalStorage):
    """Storage in which retention is faster than the backup."""

    def __init__(self, settings: Settings, gone: dict[str, bool]) -> None:
        super().__init__(settings.data, 0)
        self._settings = settings
        self._gone = gone

    def open(self, key: str) -> BinaryIO:
        if (tidy := self._gone.get(key)) is None:
            return super().open(key)
        if tidy:
            database = open_database(self._settings)
            with database.write() as session:
                session.execute(
                    update(RecordingTable)
                    .where(RecordingTable.id == key)
                    .values(media_removed_at=clock.now())
                )
            database.close()
        self.delete(key)
        return super().open(key)


def test_files_that_are_removed_meanwhile_are_noted(archive: Path, tmp_path: Path) -> None:
    source = elsewhere(tmp_path, "source")
    bring_back(source, archive)
    database = open_database(source)
    with database.read() as session:
        ids = list(
            session.scalars(select(RecordingTable.id).where(RecordingTable.media_removed_at.is_(None)))
        )
    storage = Removing(source, {ids[0]: True, ids[1]: False})
    with backing_up(source) as service, (tmp_path / "tiro.tar").open("wb") as out:
        made = BackupService(database, storage, service._secrets).make(
            out, media=True, secret=True, report=nothing
        )
    database.close()
    assert made.absent == {"removed": 1, "lost": 1}
    target = elsewhere(tmp_path)
    assert bring_back(target, tmp_path / "tiro.tar").absent == {"removed": 1, "lost": 1}
    assert faults(target) == [f"{ids[1]}: the file is missing"]


def test_rows_are_of_one_moment(archive: Path, tmp_path: Path) -> None:
    """What a server writes after the first look is not in it, nor half of it."""
    source = elsewhere(tmp_path, "source")
    bring_back(source, archive)

    class Beside:
        """Takes the archive, and writes into the database as soon as it begins."""

        def __init__(self, out: BinaryIO) -> None:
            self.out = out
            self.done = False

        def write(self, data: bytes) -> int:
            if not self.done:
                self.done = True
                thread = threading.Thread(target=_lived_in, args=[source])
                thread.start()
                thread.join()
            return self.out.write(data)

    with backing_up(source) as service, (tmp_path / "tiro.tar").open("wb") as out:
        service.make(Beside(out), media=True, secret=True, report=nothing)  # type: ignore[arg-type]
    assert "eve" in str(all_rows(source)["users"])
    target = elsewhere(tmp_path)
    bring_back(target, tmp_path / "tiro.tar")
    assert "eve" not in str(all_rows(target)["users"])
    assert not faults(target)


def test_no_restore_beside_a_worker(archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    database = open_database(target)
    with database.write() as session:
        Fleet(alone=False).beat(session, Worker("w", "host", ("cpu",), None, 1))
    database.close()
    with pytest.raises(DataInUse):
        bring_back(target, archive, replace=True)


def test_no_restore_beside_a_server(archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    with thread_server(target):
        from tiro.bootstrap.data import lock_data_folder

        lock = lock_data_folder(target)
        with pytest.raises(DataInUse):
            bring_back(target, archive)
        lock.release()


# --- other releases --------------------------------------------------------------------------------


def rewritten(archive: Path, into: Path, **changes: Any) -> Path:
    """The archive with another head, and nothing else right."""
    with tarfile.open(archive) as old, tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as new:
        for info in old:
            file = old.extractfile(info)
            assert file is not None
            data = file.read()
            if info.name == "tiro-backup.json":
                data = json.dumps(json.loads(data) | changes).encode()
                info.size = len(data)
            import io

            new.addfile(info, io.BytesIO(data))
    return into


@pytest.mark.parametrize("changes", [{"schema_revision": "9999"}, {"format": 2}, {"format": 2, "tables": 1}])
def test_a_newer_backup_is_refused_with_the_release(
    archive: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    newer = rewritten(archive, tmp_path / "newer.tar", release="7.0", **changes)
    with pytest.raises(BackupTooNew, match=r"7\.0"):
        bring_back(elsewhere(tmp_path), newer)
    assert not (tmp_path / "elsewhere" / "tiro.db").exists()


def test_an_older_backup_comes_to_the_schema_of_today(house: House, archive: Path, tmp_path: Path) -> None:
    history = tmp_path / "migrations"
    shutil.copytree(migrate.HISTORY, history)
    newest = history / "versions" / "9990_colours.py"
    newest.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision, down_revision, works_with = "9990", "{migrate.SCHEMA}", "{migrate.SCHEMA}"\n'
        'def upgrade():\n    op.add_column("users", sa.Column("colour", sa.String(), server_default="red"))\n'
    )
    target = elsewhere(tmp_path)
    bring_back(target, archive, history=history)
    database = open_database(target)
    assert migrate.revision(database) == "9990"
    with database.looking() as connection:
        found = connection.exec_driver_sql("SELECT name, colour FROM users ORDER BY name").fetchall()
    database.close()
    names = sorted(row[1] for row in all_rows(house.settings)["users"])
    assert [tuple(row) for row in found] == [(name, "red") for name in names]


def test_only_a_database_of_this_release_is_backed_up(tmp_path: Path) -> None:
    settings = elsewhere(tmp_path)
    out = tmp_path / "tiro.tar"
    with pytest.raises(NotFound, match="nothing to back up"):
        back_up(settings, out)
    database = open_database(settings)
    with database.upgrading() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(DatabaseTooNew, match="9999"):
        back_up(settings, out)


# --- the command line --------------------------------------------------------------------------------


@pytest.fixture
def in_house(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TIRO_DATA", str(house.settings.data))
    if house.settings.database.url:
        monkeypatch.setenv("TIRO_DATABASE_URL", house.settings.database.url)
    return house


@secret_in_the_folder
def test_from_the_command_line(
    in_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(monkeypatch, capsys, "backup", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    [made] = tmp_path.iterdir()
    assert made.name.startswith("tiro-2")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert "secret is in it" in done.stderr
    checked = run_here(monkeypatch, capsys, "restore", "--verify", str(made))
    assert checked.returncode == 0
    assert "is whole" in checked.stderr
    monkeypatch.setenv("TIRO_DATA", str(tmp_path / "new"))
    monkeypatch.delenv("TIRO_DATABASE_URL", raising=False)
    restored = run_here(monkeypatch, capsys, "restore", str(made))
    assert restored.returncode == 0, restored.stderr
    assert "tiro serve" in restored.stderr
    assert "every recording has its file, unchanged" in restored.stderr
    again = run_here(monkeypatch, capsys, "restore", str(made))
    assert (again.returncode, "--replace" in again.stderr) == (2, True)
    for word, code in (("yes", 2), ("replace", 0)):
        answered = run_here(
            monkeypatch, capsys, "restore", "--replace", str(made), stdin=f"{word}\n".encode()
        )
        assert answered.returncode == code, answered.stderr
    entries = all_rows(elsewhere(tmp_path, "new"))["audit"]
    assert [row for row in entries if "backup.restored" in row and "command line" in row]


def test_a_file_that_is_no_backup_is_not_written_over(
    in_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Sir or Madam")
    assert run_here(monkeypatch, capsys, "backup", str(letter)).returncode == 6
    assert letter.read_text() == "Dear Sir or Madam"
    letter.write_text("")
    for _ in range(2):
        assert run_here(monkeypatch, capsys, "backup", str(letter)).returncode == 0
    assert run_here(monkeypatch, capsys, "backup", str(tmp_path / "no" / "folder")).returncode == 6
    assert run_here(monkeypatch, capsys, "restore", str(tmp_path / "nothing")).returncode == 2


@pytest.mark.slow
def test_through_pipes(in_house: House, tmp_path: Path) -> None:
    tiro = [sys.executable, "-m", "tiro.cli.main"]
    made = subprocess.run([*tiro, "backup", "-"], capture_output=True, check=True)
    environment = {key: value for key, value in os.environ.items() if key != "TIRO_DATABASE_URL"}
    environment["TIRO_DATA"] = str(tmp_path / "elsewhere")
    subprocess.run(
        [*tiro, "restore", "-"], input=made.stdout, env=environment, check=True, capture_output=True
    )
    assert all_files(elsewhere(tmp_path)) == all_files(in_house.settings)


@pytest.mark.parametrize("with_signal", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_stopped_it_leaves_nothing_behind(archive: Path, tmp_path: Path, with_signal: signal.Signals) -> None:
    source = elsewhere(tmp_path, "source")
    bring_back(source, archive)
    files = [path for path in (source.data / "media").rglob("*") if path.is_file()]
    last = max(files, key=lambda path: path.name)
    last.unlink()
    # Whoever opens it waits for ever.
    os.mkfifo(last)
    folder = tmp_path / "backups"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tiro.cli.main", "backup", str(folder)],
        env=os.environ | {"TIRO_DATA": str(source.data)},
    )
    try:
        wait_until(lambda: list(folder.iterdir()), what="the beginning")
        waiting = Path(f"/proc/{process.pid}/wchan")
        wait_until(lambda: "partner" in waiting.read_text(), what="the wait")
        process.send_signal(with_signal)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    assert not list(folder.iterdir())


def test_restored_audit_names_the_backup(archive: Path, tmp_path: Path) -> None:
    target = elsewhere(tmp_path)
    bring_back(target, archive)
    database = open_database(target)
    with database.read() as session:
        entry = session.scalars(select(AuditTable).order_by(AuditTable.seq.desc())).first()
        assert entry is not None
        assert (entry.action, entry.details["files"]) == ("backup.restored", 4)
    database.close()
