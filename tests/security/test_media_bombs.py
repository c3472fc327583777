"""S2: headers that lie, and small files that decode to enormous ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests import makemedia
from tests.makemedia import wav_header

from tiro.errors import LimitExceeded, TiroError, UnsupportedMedia
from tiro.media.decode import DecoderPool
from tiro.media.stream import MediaStream
from tiro.media.types import MediaLimits

MEMORY = 500 * 1024 * 1024


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(MediaLimits(max_duration=600), spares=2) as pool:
        yield pool


def peak(pid: int) -> int:
    """Bytes of memory that a decoder holds, on Linux the most that it ever held; 0 when it is gone."""
    try:
        if not hasattr(psutil.Process, "io_counters"):
            return int(psutil.Process(pid).memory_info().rss)
        status = Path(f"/proc/{pid}/status").read_text()
    except (psutil.NoSuchProcess, FileNotFoundError):
        return 0
    # A process that has just ended has a status, but no memory in it.
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def heard(stream: MediaStream, held: list[int]) -> int:
    """Samples up to the end of a stream; what its decoder held goes to ``held`` on the way."""
    total = 0
    for block in stream:
        total += len(block)
        held.append(peak(stream.pid))
    return total


def test_what_is_decoded_counts_and_not_what_the_header_says(pool: DecoderPool, tmp_path: Path) -> None:
    path = makemedia.lying_flac(tmp_path / "file", seconds=300, claimed=1)
    with pool.open(path) as stream:
        assert stream.info.claimed_duration == pytest.approx(1)
        assert sum(len(block) for block in stream) == 300 * 16_000
        assert stream.info.duration == 300


@pytest.mark.slow
def test_a_header_that_claims_too_little_does_not_lift_the_cap(tmp_path: Path) -> None:
    path = makemedia.lying_flac(tmp_path / "file", seconds=3600, claimed=1)
    assert path.stat().st_size < 1_000_000
    held: list[int] = []
    limits = MediaLimits(max_duration=600)
    with (
        DecoderPool(limits, spares=0) as pool,
        pool.open(path) as stream,
        pytest.raises(LimitExceeded, match="600 seconds"),
    ):
        heard(stream, held)
    assert len(held) <= 600
    assert 0 < max(held) < MEMORY


def test_a_header_that_claims_too_much_costs_nothing(pool: DecoderPool, tmp_path: Path) -> None:
    sound = bytes(32_000)
    (tmp_path / "file").write_bytes(wav_header(rate=16_000, channels=1, data=2**31) + sound)
    with pool.open(tmp_path / "file") as stream:
        assert sum(len(block) for block in stream) == 16_000
        assert [notice.code for notice in stream.notices] == ["media_truncated"]


@pytest.mark.parametrize(
    ("rate", "channels", "error"),
    [
        (16_000, 64, LimitExceeded),
        (16_000, 65_535, TiroError),
        (2_000_000_000, 1, LimitExceeded),
        (768_001, 1, LimitExceeded),
        (1, 1, UnsupportedMedia),
        (999, 1, UnsupportedMedia),
    ],
)
def test_a_shape_beyond_reason_is_refused(
    rate: int, channels: int, error: type[TiroError], pool: DecoderPool, tmp_path: Path
) -> None:
    data = bytes(1_000_000)
    (tmp_path / "file").write_bytes(wav_header(rate=rate, channels=channels, data=len(data)) + data)
    with pytest.raises(error):
        pool.open(tmp_path / "file")


@pytest.mark.slow
def test_the_widest_swell_that_is_allowed_stays_small(pool: DecoderPool, tmp_path: Path) -> None:
    """16 channels at the lowest rate swell most on the way to 16 kHz."""
    data = bytes(1_000_000)
    (tmp_path / "file").write_bytes(wav_header(rate=1000, channels=16, data=len(data)) + data)
    with pool.open(tmp_path / "file") as stream:
        heard(stream, held := [])
    assert 0 < max(held) < MEMORY
    assert stream.info.duration == pytest.approx(31.25)
