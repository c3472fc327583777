from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests import makemedia
from tests.corpus import AUDIO, needs_audio
from tests.makemedia import BY_NAME, Format
from tests.ways import either_way

from tiro.errors import Cancelled, DecoderCrashed, EmptyMedia, NoAudio, UnsupportedMedia
from tiro.media.decode import DecoderPool
from tiro.media.stream import MediaStream
from tiro.media.types import MediaLimits
from tiro.speech.types import VideoInfo


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(MediaLimits(), spares=2) as pool:
        yield pool


def everything(stream: MediaStream) -> npt.NDArray[np.int16]:
    with stream:
        return np.concatenate(list(stream))


def loudest(sound: npt.NDArray[np.int16]) -> float:
    """The strongest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * 16_000 / len(sound)


@pytest.mark.parametrize("kind", makemedia.FORMATS, ids=lambda kind: kind.name)
def test_every_format_keeps_its_length_and_its_tone(kind: Format, pool: DecoderPool, tmp_path: Path) -> None:
    stream = pool.open(makemedia.write(tmp_path / "file", kind), keep_stereo=True)
    info = stream.info
    assert info.duration is None
    sound = everything(stream)
    assert sound.shape[1] == stream.channels == kind.channels
    assert len(sound) / 16_000 == pytest.approx(2.0, abs=kind.duration_slack)
    for channel in sound.T:
        assert loudest(channel) == pytest.approx(makemedia.TONE, abs=1)
        middle = channel[8000:24_000] / 32_768
        assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.25)
    assert (info.container, info.codec) == (kind.container, kind.codec)
    assert (info.sample_rate, info.channels) == (kind.rate, kind.channels)
    assert info.claimed_duration == pytest.approx(2.0, abs=0.1)
    assert info.video == (VideoInfo(64, 48, 25.0) if kind.video else None)
    assert stream.info.duration == len(sound) / 16_000
    assert stream.notices == ()


def test_gsm(pool: DecoderPool, tmp_path: Path) -> None:
    (tmp_path / "gsm").write_bytes(makemedia.gsm_wav())
    stream = pool.open(tmp_path / "gsm")
    sound = everything(stream)
    assert len(sound) == 16_000
    assert loudest(sound[:, 0]) == pytest.approx(makemedia.TONE, abs=2)
    assert (stream.info.codec, stream.notices) == ("gsm_ms", ())


def test_blocks_are_one_second_and_only_the_last_is_shorter(pool: DecoderPool, tmp_path: Path) -> None:
    for name in ("mp3", "wav-pcm_s16le-11025-1"):
        with pool.open(makemedia.write(tmp_path / name, BY_NAME[name], seconds=3.3)) as stream:
            blocks = list(stream)
        assert [len(block) for block in blocks[:-1]] == [16_000] * 3
        assert 0 < len(blocks[-1]) < 16_000
        assert {block.dtype for block in blocks} == {np.dtype(np.int16)}
        assert list(stream) == []


def test_two_channels_are_kept_apart_or_mixed(pool: DecoderPool, tmp_path: Path) -> None:
    kind = BY_NAME["flac"]
    left = makemedia.tone(1, kind.rate, hertz=300)
    right = makemedia.tone(1, kind.rate, hertz=1000)
    path = makemedia.write(tmp_path / "file", kind, sound=np.concatenate([left, right], axis=1))
    apart = everything(pool.open(path, keep_stereo=True))
    assert [round(loudest(channel)) for channel in apart.T] == [300, 1000]
    mixed = everything(pool.open(path))
    assert mixed.shape[1] == 1
    assert np.allclose(mixed[:, 0], apart.astype(np.int32).mean(axis=1), atol=2)


@pytest.mark.parametrize("channels", [3, 6, 16])
def test_microphones_without_names_are_averaged(channels: int, pool: DecoderPool, tmp_path: Path) -> None:
    rate = 16_000
    sound = np.zeros((rate, channels), dtype="<i2")
    sound[:, channels - 1] = (makemedia.tone(1, rate)[:, 0] * 32_767).astype("<i2")
    header = makemedia.wav_header(rate=rate, channels=channels, data=sound.nbytes)
    (tmp_path / "file").write_bytes(header + sound.tobytes())
    stream = pool.open(tmp_path / "file", keep_stereo=True)
    mixed = everything(stream)
    assert (stream.channels, stream.info.channels) == (1, channels)
    assert np.allclose(mixed[:, 0], sound.astype(np.int32).sum(axis=1) / channels, atol=1)


def test_a_format_that_changes_on_the_way_is_followed(pool: DecoderPool, tmp_path: Path) -> None:
    plain = Format("", "adts", "aac", "aac", "aac", 44_100, 2)
    other = Format("", "adts", "aac", "aac", "aac", 22_050, 1)
    first = makemedia.write(tmp_path / "1", plain, 1.0).read_bytes()
    second = makemedia.write(tmp_path / "2", other, 1.0).read_bytes()
    (tmp_path / "both").write_bytes(first + second)
    sound = everything(pool.open(tmp_path / "both", keep_stereo=True))
    assert sound.shape == (pytest.approx(32_000, abs=4000), 2)
    assert loudest(sound[-12_000:-4000, 1]) == pytest.approx(makemedia.TONE, abs=3)


def test_an_open_file_is_read_from_its_start_and_left_as_it_was(pool: DecoderPool, tmp_path: Path) -> None:
    path = makemedia.write(tmp_path / "file", BY_NAME["mp4-video"])
    with path.open("rb") as file:
        file.seek(1234)
        stream = pool.open(file)
        again = pool.open(file)
        assert file.tell() == 1234
    assert len(everything(stream)) == len(everything(again)) > 30_000
    with tempfile.TemporaryFile() as file:
        file.write(path.read_bytes())
        file.flush()
        assert len(everything(pool.open(file))) > 30_000


def test_a_recording_of_one_millisecond_is_read(pool: DecoderPool, tmp_path: Path) -> None:
    path = makemedia.write(tmp_path / "file", BY_NAME["wav-pcm_s16le-8000-1"], seconds=0.001)
    stream = pool.open(path)
    assert [len(block) for block in stream] == [16]
    assert stream.info.duration == 0.001


def test_what_holds_no_sound_says_so(pool: DecoderPool, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EmptyMedia):
        pool.open(file)
    file.write_bytes(makemedia.wav_header(rate=16_000, channels=1, data=0))
    with pytest.raises(EmptyMedia):
        pool.open(file)
    file.write_text("The free lunch is over.")
    with pytest.raises(UnsupportedMedia):
        pool.open(file)
    file.write_bytes(makemedia.silent_film(tmp_path))
    with pytest.raises(NoAudio):
        pool.open(file)


def test_only_regular_files_are_read(pool: DecoderPool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(UnsupportedMedia):
            pool.open(path)
    with pytest.raises(FileNotFoundError):
        pool.open(tmp_path / "nothing")


@either_way
def test_stop_ends_a_stream_that_is_being_read(fork: bool, tmp_path: Path) -> None:
    stop = threading.Event()
    path = makemedia.write(tmp_path / "file", BY_NAME["flac"], seconds=60)
    with DecoderPool(fork=fork) as pool:
        with pool.open(path, stop=stop) as stream:
            next(stream)
            stop.set()
            with pytest.raises(Cancelled):
                list(stream)
            with pytest.raises(Cancelled):
                next(stream)
        with pytest.raises(Cancelled):
            pool.open(path, stop=stop)


def test_half_a_recording_never_looks_like_a_whole_one(pool: DecoderPool, tmp_path: Path) -> None:
    with pool.open(makemedia.write(tmp_path / "file", BY_NAME["flac"], seconds=60)) as stream:
        next(stream)
    with pytest.raises(DecoderCrashed):
        list(stream)


@either_way
def test_many_threads_share_a_pool(fork: bool, tmp_path: Path) -> None:
    path = makemedia.write(tmp_path / "file", BY_NAME["mp3"])
    lengths: list[int] = []
    with DecoderPool(spares=1, fork=fork) as pool:
        threads = [
            threading.Thread(target=lambda: lengths.append(len(everything(pool.open(path)))))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert lengths == [32_000] * 6


@pytest.mark.slow
@needs_audio
def test_real_recordings(pool: DecoderPool) -> None:
    expected = {
        "jfk.flac": ("flac", 44_100, 2, 11.0),
        "english_german.mp3": ("mp3", 24_000, 1, 59.9),
        "meeting_trn04.wav": ("pcm_f32le", 16_000, 1, 30.0),
        "stereo_call.wav": ("pcm_s16le", 16_000, 2, 5.0),
    }
    for name, (codec, rate, channels, duration) in expected.items():
        stream = pool.open(AUDIO / name, keep_stereo=True)
        sound = everything(stream)
        info = stream.info
        assert (info.codec, info.sample_rate, info.channels, sound.shape[1]) == (
            codec,
            rate,
            channels,
            channels,
        )
        assert info.duration == pytest.approx(duration, abs=0.01)
        assert stream.notices == ()
