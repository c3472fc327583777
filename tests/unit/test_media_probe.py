from __future__ import annotations

from pathlib import Path

import pytest
from tests import makemedia

from tiro.media.probe import DEMUXERS, sniff


def sniffed(data: bytes) -> str | None:
    found = sniff(lambda offset, length: data[offset : offset + length])
    assert found is None or found.demuxer in DEMUXERS
    return found.name if found else None


@pytest.mark.parametrize("kind", makemedia.FORMATS, ids=lambda kind: kind.name)
def test_every_container_is_known_by_its_first_bytes(kind: makemedia.Format, tmp_path: Path) -> None:
    assert sniffed(makemedia.write(tmp_path / "file", kind, seconds=0.5).read_bytes()) == kind.container


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"R",
        b"RIFF",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"The free lunch is over. Then came the moov.",
        "\ufeffA short note.".encode("utf-16"),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        b"PK\x03\x04",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\x7fELF",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b'<?xml version="1.0"?><MPD></MPD>',
        b"[00:01.00]a line of a song",
        b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
        b"\0\0\0\x18ftypheic\0\0\0\0",
        bytes(70_000),
        b"\xff" * 70_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_recording_is_not_known(data: bytes) -> None:
    assert sniffed(data) is None


def test_a_picture_is_not_known() -> None:
    assert sniffed(makemedia.jpeg()) is None


def test_a_tag_in_front_hides_nothing(tmp_path: Path) -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 8, 0]) + bytes(1024)
    mp3 = makemedia.write(tmp_path / "mp3", makemedia.BY_NAME["mp3-bare"], 0.5).read_bytes()
    adts = makemedia.write(tmp_path / "adts", makemedia.BY_NAME["adts"], 0.5).read_bytes()
    flac = makemedia.write(tmp_path / "flac", makemedia.BY_NAME["flac"], 0.5).read_bytes()
    assert [sniffed(tag + data) for data in (mp3, adts, flac)] == ["mp3", "aac", "flac"]
    assert sniffed(tag + tag + mp3) == "mp3"
    assert sniffed(tag[:100]) == "mp3"


def test_frames_cut_out_of_the_middle_are_found(tmp_path: Path) -> None:
    data = makemedia.write(tmp_path / "mp3", makemedia.BY_NAME["mp3-bare"], 2).read_bytes()
    assert sniffed(data[501:]) == "mp3"
    assert sniffed(b"\0" * 5000 + data) == "mp3"
