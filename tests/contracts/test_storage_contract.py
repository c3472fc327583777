"""What every place for recordings does alike: the data folder, a folder by its address, and S3."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make_settings
from tests.services.s3 import s3
from tests.serving import wait_until

from tiro.bootstrap.ports import build_storage
from tiro.errors import Cancelled, NotFound
from tiro.kit import clock
from tiro.storage.base import PartStorage, RecordingStorage

MEGABYTE = 10**6
LARGE = random.Random(26).randbytes(26 * MEGABYTE + 1)
"""Of several parts, and so large that one does not look at all of it to see what it is."""
SOME = LARGE[: 9 * MEGABYTE]
"""Of two parts."""
NOW = timedelta()


@dataclass
class Place:
    storage: RecordingStorage
    parts: PartStorage
    bucket: str | None
    _reopen: Callable[[], tuple[RecordingStorage, PartStorage]] = field(repr=False)

    def again(self) -> PartStorage:
        """The parts as another process sees them."""
        return self._reopen()[1]

    def nothing_unfinished(self) -> bool:
        return self.bucket is None or not s3().multiparts(self.bucket)


@pytest.fixture(params=["local", "file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    said: dict[str, Any] = {}
    bucket = None
    if request.param == "file":
        said = {"url": f"file://{tmp_path}/elsewhere%20there"}
    elif request.param == "s3":
        bucket = s3().bucket()
        said = s3().settings(bucket)
    settings = make_settings(tmp_path / "data", storage=said | {"reserve": 0})
    opened: list[RecordingStorage] = []

    def reopen() -> tuple[RecordingStorage, PartStorage]:
        storage, parts = build_storage(settings)
        opened.append(storage)
        return storage, parts

    storage, parts = reopen()
    yield Place(storage, parts, bucket, reopen)
    for one in opened:
        one.close()


def keep(storage: RecordingStorage, key: str, data: bytes, step: int = 700_000) -> None:
    with storage.create(key, len(data)) as upload:
        for start in range(0, len(data), step):
            upload.write(data[start : start + step])
        upload.commit()


def content(storage: RecordingStorage, key: str) -> bytes:
    with storage.open(key) as file:
        return file.read() or b""


# --- recordings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 100_000, 8 * 1024**2, 8 * 1024**2 + 1, 16 * 1024**2 + 1])
def test_what_was_kept_is_what_comes_back(place: Place, size: int) -> None:
    data = LARGE[:size]
    keep(place.storage, "a", data)
    assert hashlib.sha256(b"".join(read_on(place, "a"))).digest() == hashlib.sha256(data).digest()
    assert [(kept.key, kept.size) for kept in place.storage.kept()] == [("a", size)]
    assert list(place.storage.inventory()) == ["a"]
    assert place.nothing_unfinished()


def read_on(place: Place, key: str) -> Iterator[bytes]:
    with place.storage.open(key) as file:
        while chunk := file.read(256 * 1024):
            yield chunk


def test_it_is_there_once_it_is_committed_and_not_before(place: Place) -> None:
    with place.storage.create("a", 5) as upload:
        upload.write(b"hello")
        upload.commit()
        assert content(place.storage, "a") == b"hello"
    assert content(place.storage, "a") == b"hello"


@pytest.mark.parametrize("size", [5, len(SOME)])
def test_what_is_not_committed_leaves_nothing(place: Place, size: int) -> None:
    with suppress(RuntimeError), place.storage.create("a", size) as upload:
        upload.write(LARGE[:size])
        raise RuntimeError("the sender is gone")
    wait_until(place.nothing_unfinished, what="the end of the multipart upload")
    with pytest.raises(NotFound):
        place.storage.open("a")
    assert not list(place.storage.kept())


def test_what_was_looked_into_and_refused_leaves_nothing(place: Place) -> None:
    with place.storage.create("a", 5) as upload:
        upload.write(b"hello")
        for file in upload.views():
            assert os.pread(file.fileno(), 10, 0) == b"hello"
    wait_until(lambda: not list(place.storage.kept()), what="the end of the object")


def test_what_nothing_came_of_is_taken_back(place: Place) -> None:
    with place.storage.create("a", 5) as upload:
        upload.write(b"hello")
        upload.commit()
        upload.undo()
    assert not list(place.storage.kept())


@pytest.mark.slow
def test_the_last_view_is_whole_and_those_before_it_have_its_ends(place: Place) -> None:
    with place.storage.create("a", len(LARGE)) as upload:
        upload.write(LARGE)
        *parts, whole = (os.pread(file.fileno(), len(LARGE) + 1, 0) for file in upload.views())
        assert whole == LARGE
        for part in parts:
            assert len(part) == len(LARGE)
            assert (part[:MEGABYTE], part[-MEGABYTE:]) == (LARGE[:MEGABYTE], LARGE[-MEGABYTE:])


def test_any_part_can_be_read(place: Place) -> None:
    keep(place.storage, "a", SOME)
    chance = random.Random(1)
    with place.storage.open("a") as file:
        assert file.seek(0, os.SEEK_END) == len(SOME)
        assert not file.read(10)
        for _ in range(10):
            start = chance.randrange(len(SOME))
            file.seek(start)
            assert file.read(1000) == SOME[start : start + 1000]
        file.seek(-5, os.SEEK_END)
        assert file.read(100) == SOME[-5:]


def test_a_decoder_gets_a_file_of_this_machine(place: Place) -> None:
    keep(place.storage, "a", SOME)
    with place.storage.fetch("a") as file:
        assert os.pread(file.fileno(), len(SOME) + 1, 0) == SOME


def test_what_is_not_there_is_said_at_once(place: Place) -> None:
    with pytest.raises(NotFound):
        place.storage.open("a")
    with pytest.raises(NotFound):
        place.storage.fetch("a")
    place.storage.delete("a")


def test_what_is_deleted_is_gone(place: Place) -> None:
    keep(place.storage, "a", b"hello")
    keep(place.storage, "b", b"there")
    place.storage.delete("a")
    place.storage.delete("a")
    assert list(place.storage.inventory()) == ["b"]


def test_what_is_put_aside_is_out_of_the_way_and_still_there(place: Place) -> None:
    keep(place.storage, "a", b"hello")
    place.storage.set_aside("a")
    assert not list(place.storage.kept())
    if place.bucket:
        assert place.storage.aside == f"s3://{place.bucket}/recordings/orphaned"
        assert s3().keys(place.bucket) == ["recordings/orphaned/a"]
    else:
        assert (Path(place.storage.aside) / "a").read_bytes() == b"hello"


def test_ages_are_told(place: Place) -> None:
    before = clock.now() - timedelta(seconds=2)
    keep(place.storage, "a", b"hello")
    [kept] = place.storage.kept()
    assert before <= kept.at <= clock.now() + timedelta(seconds=2)


def test_it_says_that_it_works(place: Place) -> None:
    free = place.storage.check()
    assert (free is None) == (place.bucket is not None)
    assert not list(place.storage.kept())


def test_of_a_crowd_few_are_open_at_the_store_and_all_arrive(place: Place) -> None:
    contents = {str(number): LARGE[number : 17 * MEGABYTE] for number in range(5)}
    with ExitStack() as stack:
        uploads = {key: stack.enter_context(place.storage.create(key)) for key in contents}
        for key, data in contents.items():
            uploads[key].write(data)
        if place.bucket is not None:  # a second part waits until the first is there
            assert len(s3().multiparts(place.bucket)) == 4
        for key in reversed(contents):
            uploads[key].commit()
    for key, data in contents.items():
        with place.storage.open(key) as file:
            assert file.read() == data
    assert place.nothing_unfinished()


def test_uploads_that_a_dead_process_left_are_found(place: Place) -> None:
    with place.storage.create("a", len(SOME)) as upload:
        upload.write(SOME)
        if place.bucket is not None:
            wait_until(lambda: not place.nothing_unfinished(), what="the multipart upload")
        assert place.storage.sweep_unfinished(timedelta(hours=1)) == 0
        assert place.storage.sweep_unfinished(NOW) == 1
        assert place.nothing_unfinished()


@pytest.mark.slow
def test_many_at_once(place: Place) -> None:
    def work(number: int) -> None:
        data = LARGE[number : number + 5 * MEGABYTE]
        keep(place.storage, str(number), data)
        with place.storage.fetch(str(number)) as file:
            same[number] = os.pread(file.fileno(), len(data) + 1, 0) == data

    same: dict[int, bool] = {}
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == dict.fromkeys(range(6), True)


# --- uploads in pieces -----------------------------------------------------------------------------


def append(parts: PartStorage, key: str, data: bytes, *, proven: bool = True) -> None:
    with parts.append(key, unproven=not proven) as writer:
        writer.write(data)
        if not proven:
            writer.keep()


def test_a_part_grows_and_any_process_goes_on(place: Place) -> None:
    place.parts.begin("u", len(SOME))
    assert place.parts.size("u") == 0
    append(place.parts, "u", SOME[:100])
    append(place.again(), "u", SOME[100:200])
    append(place.parts, "u", SOME[200:201], proven=False)
    assert place.again().size("u") == 201
    append(place.again(), "u", SOME[201:], proven=False)
    with place.parts.open("u") as file:
        file.seek(90)
        assert file.read(5) == SOME[90:95]
        file.seek(0)
        assert b"".join(iter(lambda: file.read(1 << 20), b"")) == SOME
    assert list(place.parts.parts()) == ["u"]


def test_what_came_before_a_break_counts(place: Place) -> None:
    place.parts.begin("u", 100)
    with suppress(RuntimeError), place.parts.append("u", unproven=False) as writer:
        writer.write(b"hello")
        raise RuntimeError("the line broke")
    assert place.again().size("u") == 5


def test_unproven_bytes_do_not_count(place: Place) -> None:
    place.parts.begin("u", len(SOME))
    append(place.parts, "u", b"hello")
    with place.parts.append("u", unproven=True) as writer:
        writer.write(SOME)
    assert place.again().size("u") == 5


def test_unproven_bytes_do_not_count_where_their_process_died(place: Place) -> None:
    place.parts.begin("u", len(SOME))
    append(place.parts, "u", b"hello")
    context = place.parts.append("u", unproven=True)
    context.__enter__().write(SOME)
    other = place.again()
    assert other.size("u") == 5
    append(other, "u", b" there", proven=False)
    assert other.size("u") == 11
    with other.open("u") as file:
        assert file.read(20) == b"hello there"
    context.__exit__(None, None, None)


def test_what_is_taken_back_does_not_count(place: Place) -> None:
    place.parts.begin("u", 100)
    append(place.parts, "u", b"hello")
    with place.parts.append("u", unproven=False) as writer:
        writer.write(SOME)
        writer.take_back()
    assert place.parts.size("u") == 5
    append(place.parts, "u", b"!")
    assert place.parts.size("u") == 6


def test_a_whole_part_becomes_a_recording(place: Place) -> None:
    place.parts.begin("u", len(SOME))
    append(place.parts, "u", SOME[: 5 * MEGABYTE])
    append(place.parts, "u", SOME[5 * MEGABYTE :])
    arrival = place.parts.whole("u", "a")
    *_, last = (os.pread(file.fileno(), len(SOME) + 1, 0) for file in arrival.views())
    assert last == SOME
    arrival.commit()
    place.parts.discard("u")
    assert b"".join(read_on(place, "a")) == SOME
    assert not list(place.parts.parts())
    assert place.nothing_unfinished()


def test_a_part_stays_where_nothing_came_of_it(place: Place) -> None:
    place.parts.begin("u", 5)
    append(place.parts, "u", b"hello")
    arrival = place.parts.whole("u", "a")
    arrival.commit()
    arrival.undo()
    assert not list(place.storage.kept())
    assert place.parts.size("u") == 5


def test_a_part_is_taken_back_from_a_process_that_died(place: Place) -> None:
    place.parts.begin("u", 5)
    append(place.parts, "u", b"hello")
    place.parts.whole("u", "a").commit()
    other = place.again()
    other.reclaim("u", "a")
    other.reclaim("u", "a")
    assert not list(place.storage.kept())
    assert other.size("u") == 5
    other.whole("u", "a").commit()
    assert content(place.storage, "a") == b"hello"


def test_a_copy_of_a_part_goes_where_its_process_died(place: Place) -> None:
    place.parts.begin("u", 5)
    with place.parts.append("u", unproven=False) as writer:
        writer.write(b"parts")
    with place.storage.create("copied") as copy:
        copy.write(b"made of it")
        copy.commit()
    place.parts.reclaim("u", "copied")
    assert place.parts.size("u") == 5
    with pytest.raises(NotFound):
        place.storage.open("copied").read()


def test_a_sign_of_life_counts_as_if_something_had_come(place: Place) -> None:
    place.parts.begin("u", 5)
    before = place.parts.touched("u")

    def later() -> bool:
        place.parts.touch("u")
        return place.parts.touched("u") > before

    wait_until(later, what="a later time", pause=0.2)  # stores tell ages in whole seconds
    assert place.parts.size("u") == 0
    with pytest.raises(NotFound):
        place.parts.touch("nobody")


def test_a_part_that_is_not_there(place: Place) -> None:
    for ask in (place.parts.size, place.parts.touched, place.parts.open):
        with pytest.raises(NotFound):
            ask("u")
    with pytest.raises(NotFound), place.parts.append("u", unproven=False):
        pass
    place.parts.discard("u")
    place.parts.reclaim("u", "a")


def test_a_part_says_when_something_came(place: Place) -> None:
    place.parts.begin("u", 5)
    before = clock.now() - timedelta(seconds=2)
    append(place.parts, "u", b"hello")
    assert before <= place.parts.touched("u") <= clock.now() + timedelta(seconds=2)


def test_fetching_ends_when_nobody_wants_it_any_more() -> None:
    settings = make_settings(Path("unused"), storage=s3().settings())
    storage, _ = build_storage(settings)
    try:
        keep(storage, "a", b"hello")
        stop = threading.Event()
        stop.set()
        with pytest.raises(Cancelled):
            storage.fetch("a", stop)
    finally:
        storage.close()
