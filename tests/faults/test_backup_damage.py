"""Archives that are cut, changed, or made to do harm: a typed error, and nothing is changed."""

from __future__ import annotations

import io
import json
import random
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.backups import back_up, bring_back, furnish, nothing
from tests.conftest import make_settings
from tests.databases import sqlites_own

from tiro.bootstrap.data import open_database
from tiro.db.migrate import revision
from tiro.errors import BackupDamaged, StorageFull
from tiro.features.backup.archive import ArchiveWriter
from tiro.features.backup.restoring import verify
from tiro.kit import clock
from tiro.settings import Settings
from tiro.storage.local import LocalStorage

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("house")
    house = furnish(make_settings(folder / "data"))
    back_up(house.settings, folder / "tiro.tar")
    return (folder / "tiro.tar").read_bytes()


def elsewhere(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data=tmp_path / "elsewhere", engine={"download": False})  # type: ignore[call-arg, arg-type]


def slowly(*values: object) -> list[Any]:
    """More of one kind, for the slow tests."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def refused(tmp_path: Path, data: bytes) -> str:
    """The restore's error; the data folder has no table and no file afterwards."""
    settings = elsewhere(tmp_path)
    with pytest.raises(BackupDamaged) as caught:
        bring_back(settings, io.BytesIO(data))
    assert caught.value.message.endswith("Nothing was changed.")
    left = [path for path in settings.data.rglob("*") if path.is_file() and "tiro.db" not in path.name]
    assert {path.name for path in left} <= {"lock"}
    database = open_database_as_it_is(settings)
    assert database is None
    return caught.value.message


def open_database_as_it_is(settings: Settings) -> str | None:
    from tiro.bootstrap.data import look_at_database

    database = look_at_database(settings)
    if database is None:
        return None
    try:
        return revision(database)
    finally:
        database.close()


def unpacked(archive: bytes) -> Members:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = []
        for info in tar:
            file = tar.extractfile(info)
            assert file is not None
            found.append((info, file.read()))
    return found


def packed(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def place(members: Members, start: str) -> int:
    return next(i for i, (info, _) in enumerate(members) if info.name.startswith(start))


def test_cut_anywhere(archive: bytes, tmp_path: Path) -> None:
    random.seed(1)
    end = len(archive)
    for length in [0, 1, 511, 512, 513, end - 1, end - 512, end - 1024, *random.sample(range(end), 12)]:
        with pytest.raises(BackupDamaged):
            verify(io.BytesIO(archive[:length]), nothing)
    for length in (0, 700, end // 2, end - 1):
        refused(tmp_path, archive[:length])


def test_any_byte_that_is_another(archive: bytes, tmp_path: Path) -> None:
    """Half of the places in what says what there is, where a mistake does most."""
    random.seed(2)
    members = unpacked(archive)
    small = [info for info, data in members if len(data) < 20_000]
    places = [random.randrange(info.offset, info.offset_data + max(info.size, 1)) for info in small]
    for at in (*places, *random.sample(range(len(archive)), 30)):
        changed = bytearray(archive)
        changed[at] ^= 1 << random.randrange(8)
        with pytest.raises(BackupDamaged):
            verify(io.BytesIO(bytes(changed)), nothing)
    file = members[place(members, "media/")][0]
    changed = bytearray(archive)
    changed[file.offset_data + 100] ^= 1
    assert file.name in refused(tmp_path, bytes(changed))


@pytest.mark.parametrize(
    "name",
    [
        "rows/users",
        "rows/segments",
        "media/",
        # Servers that share a database have theirs in their settings.
        pytest.param("keep/secret", marks=sqlites_own),
        "manifest/",
        "end.json",
    ],
)
def test_a_member_that_is_missing_or_twice(archive: bytes, tmp_path: Path, name: str) -> None:
    members = unpacked(archive)
    at = place(members, name)
    refused(tmp_path, packed(members[:at] + members[at + 1 :]))
    refused(tmp_path, packed(members[: at + 1] + members[at:]))


def test_members_in_another_order(archive: bytes, tmp_path: Path) -> None:
    members = unpacked(archive)
    users, media = place(members, "rows/users"), place(members, "media/")
    members[users], members[media] = members[media], members[users]
    refused(tmp_path, packed(members))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x",
        "keep/authorized_keys",
        *slowly(
            "/etc/passwd",
            "media/../../../secret",
            "media/..",
            "media/" + "0" * 36 + "/../x",
            "rows/users/../../x.jsonl.gz",
            "media/\u202e",
            "MEDIA/x",
        ),
    ],
)
def test_names_that_lead_elsewhere(archive: bytes, tmp_path: Path, name: str) -> None:
    members = unpacked(archive)
    at = place(members, "media/")
    members.insert(at, (tarfile.TarInfo(name), b"harm"))
    refused(tmp_path, packed(members))


def test_a_member_under_another_name(archive: bytes) -> None:
    members = unpacked(archive)
    info = members[place(members, "media/")][0]
    info.name = f"media/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    with pytest.raises(BackupDamaged, match="put in"):
        verify(io.BytesIO(packed(members)), nothing)


def test_what_fills_the_blocks_up(archive: bytes) -> None:
    info = next(info for info, data in unpacked(archive) if len(data) % 512)
    changed = bytearray(archive)
    changed[info.offset_data + info.size] = 1
    with pytest.raises(BackupDamaged, match="between"):
        verify(io.BytesIO(bytes(changed)), nothing)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"x", b"L"],
)
def test_members_that_are_no_files(archive: bytes, kind: bytes) -> None:
    members = unpacked(archive)
    info = members[place(members, "media/")][0]
    at = info.offset
    info.type, info.linkname = kind, "/etc/passwd"
    changed = archive[:at] + info.tobuf(tarfile.GNU_FORMAT) + archive[at + 512 :]
    with pytest.raises(BackupDamaged, match="does not belong there"):
        verify(io.BytesIO(changed), nothing)


def forged(archive: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive anew with other contents and manifests that fit, as somebody who means harm makes it."""
    out = io.BytesIO()
    writer = ArchiveWriter(out, clock.now())
    for info, data in unpacked(archive):
        if info.name.startswith("manifest/") or info.name == "end.json":
            continue
        if (new := change(info.name, data)) is not None:
            writer.add(info.name, new)
    writer.finish()
    return out.getvalue()


def test_a_forgery_that_changes_nothing_is_whole(archive: bytes) -> None:
    verify(io.BytesIO(forged(archive, lambda _, data: data)), nothing)


def bomb(line: bytes, times: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(line) for _ in range(times)), packer.flush()])


_LINES = {"deep": b"[" * (1 << 20), "wide": b'"\n' * (1 << 19), "empty": b"\n" * (1 << 20)}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(_LINES[name], id=name, marks=[] if name == "wide" else pytest.mark.slow)
        for name in _LINES
    ],
)
def test_what_unpacks_without_end(archive: bytes, tmp_path: Path, line: bytes) -> None:
    packed_line = bomb(line, 300)
    assert len(packed_line) < 1_000_000
    refused(tmp_path, forged(archive, lambda name, data: packed_line if "segments" in name else data))


@pytest.mark.parametrize(
    "rows",
    [
        b"[1]\n",
        b"[" * 100_000 + b"\n",
        b'["1","a"',
        *slowly(
            b"null\n",
            b"{}\n",
            b"[1,2,3,4,5,6,7]\n",
            b'["1","a","user",null,true,"2026-01-01T00:00:00+00:00",null]\n',
            b'["1","a","user",null,0,"2026-01-01T00:00:00",null]\n',
            b'["1","a","user",null,0,"yesterday",null]\n',
            b'[null,"a","user",null,0,"2026-01-01T00:00:00+00:00",null]\n',
            b'["1","a","user",null,99999999999999999999999,"2026-01-01T00:00:00+00:00",null]\n',
            b"\xff\xfe\n",
        ),
    ],
)
def test_rows_that_are_none(archive: bytes, tmp_path: Path, rows: bytes) -> None:
    refused(tmp_path, forged(archive, lambda name, data: bomb(rows, 2) if "rows/users" in name else data))


def test_a_head_that_lies(archive: bytes, tmp_path: Path) -> None:
    def with_head(**changes: object) -> bytes:
        return forged(
            archive,
            lambda name, data: json.dumps(json.loads(data) | changes).encode() if "backup" in name else data,
        )

    head = json.loads(unpacked(archive)[0][1])
    for changes in (
        {"tables": head["tables"][1:]},
        {"tables": [*head["tables"], head["tables"][0]]},
        {"tables": [{**table, "rows": table["rows"] + 1} for table in head["tables"]]},
        {"tables": [*head["tables"], {"name": "alembic_version", "rows": 0, "columns": {}}]},
        {"files": 0},
        {"files": "many"},
        {"created_at": None},
        {"sequences": {"events.seq": -1}},
    ):
        refused(tmp_path, with_head(**changes))


def test_a_file_of_nobody(archive: bytes, tmp_path: Path) -> None:
    stranger = f"media/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    assert "nobody" in refused(tmp_path, renamed(archive, "media/", stranger))


def renamed(archive: bytes, start: str, name: str) -> bytes:
    out, done = io.BytesIO(), False
    writer = ArchiveWriter(out, clock.now())
    for info, data in unpacked(archive):
        if info.name.startswith(("manifest/", "end.json")):
            continue
        mine = info.name.startswith(start) and not done
        done |= mine
        writer.add(name if mine else info.name, data)
    writer.finish()
    return out.getvalue()


def test_what_follows_the_end(archive: bytes, tmp_path: Path) -> None:
    verify(io.BytesIO(archive + bytes(100_000)), nothing)
    refused(tmp_path, archive + bytes(512) + b"x")


@pytest.mark.parametrize("data", [b"", b"x" * 5000, bytes(5000), b"PK\x03\x04" + bytes(600)])
def test_what_is_no_backup_at_all(tmp_path: Path, data: bytes) -> None:
    assert "not a backup" in refused(tmp_path, data)


def test_anybodys_tar(tmp_path: Path) -> None:
    assert "not a backup" in refused(tmp_path, packed([(tarfile.TarInfo("letter.txt"), b"Dear")]))


def test_a_disk_that_is_full(archive: bytes, tmp_path: Path) -> None:
    settings = elsewhere(tmp_path)
    settings.storage.reserve = type(settings.storage.reserve)(1 << 60)
    with pytest.raises(StorageFull):
        bring_back(settings, io.BytesIO(archive))
    assert open_database_as_it_is(settings) is None
    assert list(LocalStorage(settings.data, 0).inventory()) == []
    settings.storage.reserve = type(settings.storage.reserve)(0)
    bring_back(settings, io.BytesIO(archive))
    open_database(settings).close()
