"""R14: damaged recordings give a typed error or what can be read of them, with a notice; never a hang."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import makemedia
from tests.makemedia import BY_NAME

from tiro.errors import CorruptMedia, LimitExceeded, NoAudio, TiroError, UnsupportedMedia
from tiro.media.decode import DecoderPool
from tiro.media.pcm import Decoding, Source
from tiro.media.types import MediaLimits

SECONDS = 4.0
NAMES = [
    "wav-pcm_s16le-44100-2",
    "wav-adpcm_ms-22050-1",
    "rf64",
    "w64",
    "aiff",
    "au",
    "caf",
    "flac",
    "flac-ogg",
    "mp3",
    "mp3-bare",
    "m4a",
    "m4a-alac",
    "mp4-faststart",
    "mp4-fragments",
    "adts",
    "ogg-opus",
    "ogg-vorbis",
    "webm",
    "mkv-video",
    "avi-video",
    "mpegts-video",
    "amr",
    "wma",
]
IN_SHORT = {"wav-pcm_s16le-44100-2", "flac", "mp3", "m4a", "webm"}
SOME = [pytest.param(name, marks=[] if name in IN_SHORT else pytest.mark.slow) for name in NAMES]
# Nothing in these says how long they should be, or only a guess that may be wrong.
MUTE = {"mp3-bare", "adts", "mpegts-video", "amr", "wma"}
# Their index stands at the end.
INDEX_LAST = {"m4a", "m4a-alac"}
EXPECTED = (CorruptMedia, UnsupportedMedia, NoAudio, LimitExceeded)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    # Bytes that were flipped may claim anything; ten minutes are enough for four seconds of sound.
    with DecoderPool(MediaLimits(max_duration=600, stall_seconds=30), spares=2) as pool:
        yield pool


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("media")
    return {name: makemedia.write(folder / name, BY_NAME[name], SECONDS).read_bytes() for name in NAMES}


def read(pool: DecoderPool, path: Path, data: bytes) -> tuple[float, set[str]]:
    """Seconds that could be read, and the notices' codes.

    Raises:
        TiroError: one of ``EXPECTED``; anything else fails the test.
    """
    path.write_bytes(data)
    with pool.open(path, keep_stereo=True) as stream:
        length = sum(len(block) for block in stream) / 16_000
        assert stream.info.duration == length
        return length, {notice.code for notice in stream.notices}


def decode(path: Path, data: bytes) -> float:
    """Like ``read``, but in this process, where an error that nobody foresaw is seen as what it is."""
    path.write_bytes(data)
    with path.open("rb") as file:
        limits = MediaLimits(max_duration=600)
        decoding = Decoding(Source(file.fileno(), lambda: None), limits, keep_stereo=True)
        decoding.start()
        for _ in decoding.blocks():
            pass
        decoding.notices()
        return decoding.duration


@pytest.mark.parametrize("name", NAMES)
def test_half_a_recording(name: str, pool: DecoderPool, recordings: dict[str, bytes], tmp_path: Path) -> None:
    data = recordings[name]
    if name in INDEX_LAST:
        with pytest.raises(CorruptMedia, match="index"):
            read(pool, tmp_path / "cut", data[: len(data) // 2])
        return
    length, notices = read(pool, tmp_path / "cut", data[: len(data) // 2])
    assert 0.2 * SECONDS < length < 0.7 * SECONDS
    assert "media_truncated" in notices or name in MUTE


@pytest.mark.parametrize("share", [0.01, 0.99])
@pytest.mark.parametrize("name", SOME)
def test_cut_near_its_ends(name: str, share: float, recordings: dict[str, bytes], tmp_path: Path) -> None:
    data = recordings[name]
    try:
        length = decode(tmp_path / "cut", data[: int(len(data) * share)])
    except EXPECTED:
        assert share < 0.5 or name in INDEX_LAST
    else:
        assert length < (0.2 * SECONDS if share < 0.5 else 1.05 * SECONDS)


@pytest.mark.parametrize("name", SOME)
def test_flipped_bytes(name: str, recordings: dict[str, bytes], tmp_path: Path) -> None:
    dice = random.Random(name)
    for count, first in ((3, 0), (40, 200)) * 3:
        data = bytearray(recordings[name])
        end = len(data) if first else 400
        for _ in range(count):
            data[dice.randrange(first, end)] ^= dice.randrange(1, 256)
        try:
            length = decode(tmp_path / "flipped", bytes(data))
        except (*EXPECTED, MemoryError):  # the parent makes LimitExceeded of the last
            continue
        assert length > 0


def test_damage_in_the_middle_is_skipped_and_told(
    pool: DecoderPool, recordings: dict[str, bytes], tmp_path: Path
) -> None:
    for name in ("mp3", "adts", "mp4-faststart"):
        data = bytearray(recordings[name])
        middle = len(data) // 2
        data[middle : middle + 2000] = random.Random(1).randbytes(2000)
        length, notices = read(pool, tmp_path / "damaged", bytes(data))
        assert 0.5 * SECONDS < length < 1.01 * SECONDS
        assert notices & {"media_damaged", "media_truncated"}, name


def test_a_header_with_noise_behind_it_is_corrupt(
    pool: DecoderPool, recordings: dict[str, bytes], tmp_path: Path
) -> None:
    for name in ("m4a", "webm", "flac", "ogg-opus", "wma"):
        data = recordings[name][:16] + random.Random(1).randbytes(50_000)
        with pytest.raises(TiroError) as caught:
            read(pool, tmp_path / "noise", data)
        assert isinstance(caught.value, EXPECTED), name
