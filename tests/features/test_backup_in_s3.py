"""Backups of recordings in a bucket: they come back in a folder, and from there in another bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.backups import all_rows, back_up, bring_back
from tests.conftest import make_settings
from tests.makecall import wav
from tests.services.s3 import s3
from tests.serving import Client, thread_server

from tiro.bootstrap.data import inspect_data
from tiro.settings import Settings

SPEECH = wav(seconds=3)
SAME = ("users", "keys", "recordings", "transcripts", "segments")


@dataclass
class Source:
    settings: Settings
    bucket: str
    key: str
    session_id: str


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    bucket = s3().bucket()
    settings = make_settings(tmp_path_factory.mktemp("source"), storage=s3().settings(bucket))
    with thread_server(settings) as server:
        answer = server.client.send_file("call.wav", SPEECH, wait=30)
        key = server.key
    return Source(settings, bucket, key, answer.json()["session_id"])


def assert_same(source: Source, target: Settings) -> None:
    """What was accepted there is played here, and nothing is amiss."""
    before, after = all_rows(source.settings), all_rows(target)
    assert {name: after[name] for name in SAME} == {name: before[name] for name in SAME}
    assert not [fault for found in inspect_data(target) for fault in found.faults]
    with thread_server(target) as server, Client(server.address, source.key) as client:
        assert client.get(f"/api/v1/transcribe/{source.session_id}/media").content == SPEECH


def test_from_a_bucket_into_a_folder_and_back(source: Source, tmp_path: Path) -> None:
    archive, second = tmp_path / "first.tar", tmp_path / "second.tar"
    assert back_up(source.settings, archive).files == 1
    folder = make_settings(tmp_path / "folder")
    bring_back(folder, archive)
    assert back_up(folder, second).files == 1
    bucket = s3().bucket()
    there = make_settings(tmp_path / "there", storage=s3().settings(bucket))
    bring_back(there, second)
    for target in (folder, there):
        assert_same(source, target)
    assert s3().keys(bucket) == [f"recordings/media/{source.session_id}"]


@pytest.mark.slow
def test_without_media_the_objects_stay_where_they_are(source: Source, tmp_path: Path) -> None:
    archive = tmp_path / "rows.tar"
    before = s3().keys(source.bucket)
    made = back_up(source.settings, archive, media=False)
    assert (made.head.media, made.files) == ("elsewhere", 0)
    target = make_settings(tmp_path / "target", storage=s3().settings(source.bucket))
    bring_back(target, archive)
    assert s3().keys(source.bucket) == before
    assert_same(source, target)
