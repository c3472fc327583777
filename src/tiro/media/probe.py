"""What a file is, by its first bytes.

The answer names one demuxer, and only that demuxer is opened. FFmpeg's own guessing also knows playlists
and lists of files, which make it open paths and addresses of an attacker's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]
"""Reads up to ``(offset, length)`` bytes; shorter or empty at the end of the file."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that Tiro reads: its name for people, and FFmpeg's demuxer for it."""

    name: str
    demuxer: str


DEMUXERS = frozenset(
    {
        *("wav", "w64", "aiff", "au", "caf", "flac", "mp3", "aac", "amr", "ogg", "asf"),
        *("mov", "matroska", "avi", "mpegts"),
    }
)
"""All that ``sniff`` may answer; nothing else is ever opened."""

_SCAN = 64 * 1024
_TS_PACKET = 188
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_MOV_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_PICTURE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
_PLAIN = (
    (b"fLaC", "flac", "flac"),
    (b"OggS", "ogg", "ogg"),
    (b".snd", "au", "au"),
    (b"caff", "caf", "caf"),
    (b"#!AMR", "amr", "amr"),
    (_ASF, "asf", "asf"),
    (_W64, "w64", "w64"),
)
_CHUNKED = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RIFX", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"BW64", b"WAVE"): "wav",
    (b"RIFF", b"AVI "): "avi",
    (b"RIFF", b"AVIX"): "avi",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}

# kbit/s by index, for layers II and III of MPEG 1, and both layers of MPEG 2 and 2.5.
_RATES_1_II = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_RATES_1_III = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = (44_100, 48_000, 32_000)


def sniff(read: ReadAt) -> Container | None:
    """The container that ``read`` gives access to; None where it is none that Tiro reads."""
    start = _after_id3(read)
    head = read(start, _SCAN)
    found = _by_magic(head) or _elementary(head)
    if found is None and start:
        # A tag this size with nothing known behind it is an MP3 whose audio is cut off or starts late.
        return Container("mp3", "mp3")
    return found


def _after_id3(read: ReadAt) -> int:
    """Where the data begins behind any ID3v2 tags. Their sizes are 28 bits in 4 bytes of 7."""
    offset = 0
    for _ in range(4):
        tag = read(offset, 10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:]) > 0x7F:
            break
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        offset += size + (20 if tag[5] & 0x10 else 10)
    return offset


def _by_magic(head: bytes) -> Container | None:
    for magic, name, demuxer in _PLAIN:
        if head.startswith(magic):
            return Container(name, demuxer)
    chunked = _CHUNKED.get((head[:4], head[8:12]))
    if chunked:
        return Container(chunked, chunked)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Container("webm" if b"webm" in head[:64] else "matroska", "matroska")
    # A box's size comes first; where its first byte is a letter, this is prose that happens to say "free".
    if head[4:8] == b"mdat" or (head[4:8] in _MOV_BOXES and head[0] < 0x20):
        return _by_brand(head)
    return _transport_stream(head)


def _by_brand(head: bytes) -> Container | None:
    brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
    if brand in _PICTURE_BRANDS:
        return None
    if brand == b"qt  ":
        return Container("mov", "mov")
    if brand[:3] in {b"M4A", b"M4B"}:
        return Container("m4a", "mov")
    return Container("3gp" if brand[:2] == b"3g" else "mp4", "mov")


def _transport_stream(head: bytes) -> Container | None:
    """Sync bytes in a row; a file shorter than three packets is not worth reading."""
    syncs = head[: 5 * _TS_PACKET : _TS_PACKET]
    if len(syncs) >= 3 and set(syncs) == {0x47}:
        return Container("mpegts", "mpegts")
    return None


def _elementary(head: bytes) -> Container | None:
    """Bare MPEG audio or ADTS frames: a header where the one before says that it must be.

    Frames at the very start need one follower (or the end of the file); a stream cut out of the middle
    starts with part of a frame, so that there three in a row are asked for.
    """
    start = head.find(0xFF)
    while start >= 0:
        wanted = 2 if start == 0 else 3
        if _chain(head, start, _mpeg_frame, wanted):
            return Container("mp3", "mp3")
        if _chain(head, start, _adts_frame, wanted):
            return Container("aac", "aac")
        start = head.find(0xFF, start + 1)
    return None


def _chain(head: bytes, start: int, measure: Callable[[bytes], int], wanted: int) -> bool:
    for found in range(wanted):
        if found == wanted - 1 and start >= len(head):
            return True
        length = measure(head[start : start + 6])
        if not length:
            return False
        start += length
    return True


def _mpeg_frame(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame (layers II and III) with this header; 0 where it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, sample_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer not in {1, 2} or rate_index in {0, 15} or sample_index == 3:
        return 0
    rates = _RATES_2 if version != 3 else _RATES_1_III if layer == 1 else _RATES_1_II
    sample_rate = _SAMPLE_RATES[sample_index] // {3: 1, 2: 2, 0: 4}[version]
    scale = 72 if layer == 1 and version != 3 else 144
    return scale * rates[rate_index] * 1000 // sample_rate + padding


def _adts_frame(header: bytes) -> int:
    """Length in bytes of the ADTS frame with this header; 0 where it is none."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 0xF > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
