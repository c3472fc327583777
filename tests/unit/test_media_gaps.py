"""Sound stays at the time at which a player plays it, whatever is missing from the file before it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import makemedia
from tests.makemedia import BY_NAME

from tiro.errors import LimitExceeded
from tiro.media.clock import Clock
from tiro.media.pcm import Decoding, Source
from tiro.media.types import MediaLimits
from tiro.speech.types import Notice

RATE = 48_000
NEAR = 0.06  # seconds
TICK = Fraction(1, 1000)

Keep = Callable[[float, Any], bool]


@dataclass(frozen=True)
class Result:
    sound: npt.NDArray[np.int16]
    notices: tuple[Notice, ...]

    @property
    def seconds(self) -> float:
        return len(self.sound) / 16_000

    def beeps(self) -> list[float]:
        """Seconds at which a tone begins after at least 50 ms of silence."""
        loud = np.flatnonzero(np.abs(self.sound[:, 0].astype(np.int32)) > 2000)
        if not len(loud):
            return []
        first = np.concatenate([[True], np.diff(loud) > 800])
        return [float(at) / 16_000 for at in loud[first]]


def decode(path: Path, limits: MediaLimits | None = None, largest: list[int] | None = None) -> Result:
    with path.open("rb") as file:
        decoding = Decoding(Source(file.fileno(), lambda: None), limits or MediaLimits(), keep_stereo=True)
        decoding.start()
        blocks = []
        for block in decoding.blocks():
            blocks.append(block)
            if largest is not None:
                largest.append(len(block))
        return Result(np.concatenate(blocks), decoding.notices())


def keep_all(at: float, packet: Any) -> bool:
    return True


def without(start: float, end: float) -> Keep:
    return lambda at, packet: not start <= at < end


def record(
    path: Path,
    kind: str,
    seconds: float,
    beeps: list[float],
    *,
    keep: Keep = keep_all,
    late: float = 0.0,
    picture: bool = False,
) -> Path:
    """A recording that is silent but for tones of 0.3 s at ``beeps``.

    ``keep`` sees each packet with its second; it may change the packet's stamps, and says whether it is
    written. ``late`` shifts all of the sound's stamps, and ``picture`` adds a film that starts at zero.
    """
    style = BY_NAME[kind]
    sound = np.zeros((round(seconds * RATE), 1), dtype=np.float32)
    for beep in beeps:
        start = round(beep * RATE)
        sound[start : start + round(0.3 * RATE)] = makemedia.tone(0.3, RATE)
    with av.open(str(path), "w", format=style.muxer) as container:
        film = container.add_stream("mpeg4", rate=25) if picture else None
        if film is not None:
            film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"  # type: ignore[attr-defined]
        stream = container.add_stream(style.encoder, rate=RATE, layout="mono")
        if style.encoder == "libopus":
            stream.codec_context.format = "flt"  # type: ignore[attr-defined]
        stream.codec_context.open()
        for index in range(round((seconds + late) * 25) if film is not None else 0):
            image = makemedia.grey_picture()
            image.pts, image.time_base = index, Fraction(1, 25)
            container.mux(film.encode(image))  # type: ignore[union-attr]
        if film is not None:
            container.mux(film.encode(None))  # type: ignore[attr-defined]
        size = stream.codec_context.frame_size
        packets = []
        for start in range(0, len(sound) - size + 1, size):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[start : start + size].T), stream.codec_context.format.name, "mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            at = float(packet.pts * packet.time_base)
            shift(packet, late)
            if keep(at, packet):
                container.mux(packet)
    return path


def shift(packet: Any, seconds: float) -> None:
    packet.pts += round(seconds / packet.time_base)
    packet.dts = packet.pts


@pytest.mark.parametrize("kind", ["webm", "ogg-opus", "mp4-faststart", "mkv-video", "mpegts-video"])
def test_what_comes_after_missing_packets_is_on_time(kind: str, tmp_path: Path) -> None:
    path = record(tmp_path / "file", kind, 6, [0.5, 3.5, 5.2], keep=without(1, 3))
    result = decode(path)
    assert result.beeps() == pytest.approx([0.5, 3.5, 5.2], abs=NEAR)
    assert result.seconds == pytest.approx(6, abs=0.1)
    assert result.notices == ()


@pytest.mark.parametrize("kind", ["webm", "mp4-faststart"])
def test_a_pause_of_which_only_every_twentieth_packet_was_sent(kind: str, tmp_path: Path) -> None:
    """As an encoder with discontinuous transmission does it."""

    def sparse(at: float, packet: Any) -> bool:
        return not 1 < at < 5 or round(at * 50) % 20 == 0

    result = decode(record(tmp_path / "file", kind, 7, [0.5, 5.5], keep=sparse))
    assert result.beeps() == pytest.approx([0.5, 5.5], abs=NEAR)


@pytest.mark.parametrize("kind", ["webm", "mp4-faststart"])
def test_many_small_losses_add_up(kind: str, tmp_path: Path) -> None:
    dice = random.Random(7)

    def lossy(at: float, packet: Any) -> bool:
        return not 1 < at < 8 or dice.random() > 0.1

    result = decode(record(tmp_path / "file", kind, 10, [0.5, 8.5], keep=lossy))
    assert result.beeps() == pytest.approx([0.5, 8.5], abs=NEAR)


def test_a_lost_page_of_an_ogg(tmp_path: Path) -> None:
    path = record(tmp_path / "file", "ogg-opus", 8, [0.5, 4.5, 6.5])
    pages = path.read_bytes().split(b"OggS")
    path.write_bytes(b"OggS".join(pages[:5] + pages[6:]))  # two pages of headers, then one a second
    result = decode(path)
    assert result.beeps() == pytest.approx([0.5, 4.5, 6.5], abs=NEAR)
    assert result.seconds == pytest.approx(8, abs=0.1)


def test_damage_is_told_and_takes_no_time_away(tmp_path: Path) -> None:
    path = record(tmp_path / "file", "mp4-faststart", 5, [0.5, 3.5])
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            if packet.pts is not None and 1 <= float(packet.pts * packet.time_base) < 2:
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    result = decode(path)
    assert result.beeps()[-1] == pytest.approx(3.5, abs=NEAR)
    assert result.seconds == pytest.approx(5, abs=0.1)
    assert [notice.code for notice in result.notices] == ["media_damaged"]


@pytest.mark.parametrize("kind", ["mkv-video", "mp4-faststart", "mpegts-video"])
def test_sound_that_begins_after_the_picture(kind: str, tmp_path: Path) -> None:
    path = record(tmp_path / "file", kind, 2, [0.5], late=2.5, picture=True)
    assert decode(path).beeps() == pytest.approx([3.0], abs=NEAR)


@pytest.mark.parametrize("kind", ["webm", "ogg-opus", "mpegts-video"])
def test_sound_alone_begins_at_zero_whatever_its_stamps(kind: str, tmp_path: Path) -> None:
    result = decode(record(tmp_path / "file", kind, 2, [0.5], late=100))
    assert result.beeps() == pytest.approx([0.5], abs=NEAR)
    assert result.seconds == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("off", [-5.0, -0.9, 0.5, 20.0])
def test_one_wrong_stamp_changes_nothing(off: float, tmp_path: Path) -> None:
    path = record(tmp_path / "file", "webm", 3, [0.5, 2])
    intact = decode(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        track = next(packet.pos for packet in container.demux(audio=0) if float(packet.pts) > 1000)
    # A block begins with its track, then come its milliseconds within the cluster in 16 bits.
    assert data[track] == 0x81
    old = int.from_bytes(data[track + 1 : track + 3], "big", signed=True)
    data[track + 1 : track + 3] = (old + round(off * 1000)).to_bytes(2, "big", signed=True)
    path.write_bytes(data)
    assert np.array_equal(decode(path).sound, intact.sound)


def test_a_recording_put_together_from_two_loses_nothing(tmp_path: Path) -> None:
    parts = [record(tmp_path / name, "mpegts-video", 5, [1, 3], keep=without(1.5, 2.5)) for name in "ab"]
    path = tmp_path / "both"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = decode(path)
    assert result.beeps() == pytest.approx([1, 3, 6, 8], abs=0.15)
    assert result.seconds == pytest.approx(10, abs=0.2)


def test_silence_that_is_filled_in_counts_towards_the_cap(tmp_path: Path) -> None:
    state = {"off": 0}

    def leaping(at: float, packet: Any) -> bool:
        if at > 0 and round(at * 50) % 25 == 0:
            state["off"] += 3000
        shift(packet, state["off"])
        return True

    path = record(tmp_path / "file", "webm", 10, [], keep=leaping)
    assert path.stat().st_size < 20_000
    largest: list[int] = []
    with pytest.raises(LimitExceeded, match="2 hours"):
        decode(path, MediaLimits(max_duration=7200), largest)
    assert max(largest) <= 16_000
    assert sum(largest) <= 7200 * 16_000


def test_a_gap_far_beyond_the_claimed_length_is_not_believed(tmp_path: Path) -> None:
    def after_long(at: float, packet: Any) -> bool:
        if at >= 1:
            shift(packet, 1800)
        return True

    path = record(tmp_path / "file", "webm", 2, [0.5, 1.5], keep=after_long)
    assert decode(path).beeps() == pytest.approx([0.5, 1801.5], abs=NEAR)
    data = bytearray(path.read_bytes())
    length = data.index(b"\x44\x89\x88") + 3  # the duration in milliseconds, as a double
    data[length : length + 8] = struct.pack(">d", 2000)
    path.write_bytes(data)
    assert decode(path).beeps() == pytest.approx([0.5, 1.5], abs=NEAR)


def test_times_that_are_only_computed_from_a_header_are_not_believed(tmp_path: Path) -> None:
    """An AVI has no stamps: FFmpeg makes them from the rate in the header, here half of what it is."""
    path = makemedia.write(tmp_path / "file", BY_NAME["avi-video"])
    intact = decode(path)
    data = bytearray(path.read_bytes())
    scale = data.index(b"auds") + 20
    data[scale : scale + 4] = (2 * int.from_bytes(data[scale : scale + 4], "little")).to_bytes(4, "little")
    path.write_bytes(data)
    assert np.array_equal(decode(path).sound, intact.sound)


@pytest.mark.parametrize(
    "kind",
    [each for each in makemedia.FORMATS if each.container in {"wav", "w64", "aiff", "au", "flac", "caf"}],
)
def test_formats_without_stamps_stay_as_they_are(kind: makemedia.Format, tmp_path: Path) -> None:
    """Sample for sample what FFmpeg's resampler makes of the whole at once."""
    dice = np.random.default_rng(1)
    sound = dice.uniform(-0.5, 0.5, (kind.rate, kind.channels)).astype(np.float32)
    path = makemedia.write(tmp_path / "file", kind, sound=sound)
    layout = {1: "mono", 2: "stereo"}[kind.channels]
    wanted = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", layout, 16_000)
        for frame in [*container.decode(audio=0), None]:
            if frame is not None:
                frame.pts = None
            wanted += [out.to_ndarray().reshape(-1, kind.channels) for out in resampler.resample(frame)]
    assert np.array_equal(decode(path).sound, np.concatenate(wanted))


# --- the clock by itself: frames are no more than their times --------------------------------------------


@dataclass(frozen=True)
class Frame:
    pts: int | None
    samples: int = 20
    sample_rate: int = 1000
    time_base: Fraction | None = TICK


def gaps(stamps: list[int | None], **known: float) -> list[tuple[int, int]]:
    """Where 20 ms frames with these stamps in ms are put anew: index of the frame and its time in ms."""
    placed = list(Clock(iter([Frame(stamp) for stamp in stamps]), **known))
    assert [frame.pts for _, frame in placed] == stamps
    return [(index, round(at * 1000)) for index, (at, _) in enumerate(placed) if at is not None]


def run(start: int, frames: int = 50) -> list[int | None]:
    return list(range(start, start + 20 * frames, 20))


def test_a_gap_is_placed() -> None:
    assert gaps(run(0) + run(3000)) == [(50, 3000)]
    assert gaps(run(0) + run(1050)) == []
    assert gaps(run(0) + run(1070)) == [(50, 1070)]


def test_frames_without_stamps_follow_on() -> None:
    nothing: list[int | None] = [None] * 50
    assert gaps(nothing) == []
    assert gaps(run(0) + nothing + run(5000)) == [(100, 5000)]
    assert next(iter(Clock(iter([Frame(5, time_base=None)]))))[0] is None


def test_a_gap_needs_a_witness() -> None:
    assert gaps([*run(0), 5000]) == []
    assert gaps([*run(0), 5000, None, None]) == []
    assert gaps([*run(0), 5000, 5020]) == [(50, 5000)]
    assert gaps([*run(0), *run(5000, 8), *run(1160)]) == []
    assert gaps([*run(100_000), 50_000, *run(104_000)]) == [(51, 4000)]


def test_stamps_that_all_jump_forward_still_count() -> None:
    assert gaps([*run(0), *range(1400, 4000, 400), *run(4000)])[:3] == [(50, 1400), (51, 1800), (52, 2200)]


def test_drift_is_put_right_as_it_adds_up() -> None:
    found = gaps([21 * index for index in range(1000)])
    assert len(found) == pytest.approx(1000 / 61, abs=2)
    assert all(abs(at - 21 * index) <= 1 for index, at in found)


@pytest.mark.parametrize("width", [50, 150, 400])
def test_jitter_inserts_no_more_than_its_own_width(width: int) -> None:
    dice = random.Random(width)
    stamps: list[int | None] = [20 * index + dice.randrange(width) for index in range(5000)]
    found = gaps(stamps)
    last = found[-1] if found else (0, 0)
    assert last[1] - 20 * last[0] <= width
    assert len(found) < 10


def test_overlap_is_kept_and_made_good_by_the_next_gap() -> None:
    assert gaps(run(0) + run(500)) == []
    assert gaps(run(0) + run(500) + run(3000)) == [(100, 3000)]
    assert gaps([*run(0), *run(500), 100, *run(1520), *run(6000)]) == [(151, 6000)]


def test_a_new_count_goes_on_where_the_old_one_ended() -> None:
    assert gaps(run(0, 200) + run(0) + run(2000)) == [(250, 6000)]
    assert gaps([*run(0, 200), *run(0, 1), *run(4020)]) == []


def test_a_stretch_of_stamps_that_fell_back_leaves_no_gap_behind() -> None:
    assert gaps(run(100_000) + run(21_000, 100) + run(103_000)) == []
    assert gaps(run(100_000) + run(21_000, 100) + run(103_500)) == [(150, 3500)]


def test_absurd_jumps_are_a_new_count() -> None:
    hour = 3_600_000
    assert gaps(run(0) + run(hour)) == [(50, hour)]
    assert gaps(run(0) + run(3 * hour) + run(3 * hour + 2000)) == [(100, 3000)]
    assert gaps(run(0) + run(600_000), claimed=2) == []
    assert gaps(run(0) + run(60_000), claimed=2) == [(50, 60_000)]


def test_the_beginning() -> None:
    assert gaps(run(2500), zero=0, first=2.5) == [(0, 2500)]
    assert gaps(run(2500)) == []
    assert gaps(run(2500), zero=2.5, first=2.5) == []
    assert gaps(run(-20), zero=0, first=-0.02) == []
    assert gaps(run(92), zero=0, first=0) == [], "a decoder's delay"
    assert gaps(run(3000), zero=0, first=0) == [(0, 2750)], "the first packets are lost"
    assert gaps([9000, *run(20)], zero=0, first=9) == []


@given(
    st.lists(
        st.tuples(st.none() | st.integers(-(2**62), 2**62), st.integers(1, 5000)), min_size=1, max_size=60
    ),
    st.none() | st.floats(-1e6, 1e6),
)
def test_nothing_is_lost_or_put_back_whatever_the_stamps(
    frames: list[tuple[int | None, int]], zero: float | None
) -> None:
    made = [Frame(stamp, samples) for stamp, samples in frames]
    end = 0.0
    seen = []
    for at, frame in Clock(iter(made), zero=zero, first=zero, claimed=100.0):
        if at is not None:
            assert end < at <= end + 3600
            end = at
        end += frame.samples / frame.sample_rate
        seen.append(frame)
    assert seen == made


def test_only_a_moment_is_held_while_a_jump_is_judged() -> None:
    drawn = 0

    def frames() -> Iterator[Frame]:
        nonlocal drawn
        for index in range(1000):
            drawn += 1
            yield Frame(index * index * 50, samples=1)

    for given_out, _ in enumerate(Clock(frames())):
        assert drawn - given_out <= 66
