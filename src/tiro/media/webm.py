"""A WebM as a browser records it, made fit for seeking.

A recorder that writes as it hears knows neither how long the recording will be nor where its parts will lie,
and one that was cut off may end in the midst of a block. Here a new head is made, with both; what was heard
stays as it was, byte for byte. Nothing is decoded: only the frame around the blocks is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_EBML, _SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_CUES, _CUE_POINT, _CUE_TIME, _CUE_POSITIONS = 0x1C53BB6B, 0xBB, 0xB3, 0xB7
_CUE_TRACK, _CUE_CLUSTER = 0xF7, 0xF1
_TRACK, _TRACK_NUMBER = 0xAE, 0xD7
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP = 0xE7, 0xA3, 0xA0
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_MILLISECOND = 1_000_000
_MAX_ELEMENTS = 6_000_000
_UNKNOWN = b"\x01" + b"\xff" * 7
_MAX_HEAD = 1 << 20
_CUE_EVERY = 5000
"""Milliseconds between two places to begin at, at least."""


@dataclass(frozen=True, slots=True)
class Mended:
    """``head``, and then the file's bytes from ``begin`` up to ``end``; ``duration`` is in seconds."""

    head: bytes
    begin: int
    end: int
    duration: float


@dataclass(frozen=True, slots=True)
class _Element:
    """``start`` is where its id is, ``body`` where its content; ``size`` is None where it says none."""

    id: int
    start: int
    body: int
    size: int | None


class _Unlike(Exception):
    """It is not of the shape that browsers write."""


def mended(file: BinaryIO) -> Mended | None:
    """What makes a recording out of what a browser sent; None where it is no such file, or already whole."""
    try:
        return _mended(file)
    except _Unlike:
        return None


def _mended(file: BinaryIO) -> Mended | None:
    ebml = _element(file, 0)
    if ebml is None or ebml.id != _EBML or ebml.size is None:
        raise _Unlike
    segment = _element(file, ebml.body + ebml.size)
    if segment is None or segment.id != _SEGMENT:
        raise _Unlike
    known = {_INFO: b"", _TRACKS: b""}
    at = segment.body
    while (found := _element(file, at)) is not None and found.id != _CLUSTER:
        if found.id == _CUES or found.size is None or found.body + found.size > segment.body + _MAX_HEAD:
            raise _Unlike
        if found.id in known:
            known[found.id] = _read(file, found)
        at = found.body + found.size
    if found is None or not all(known.values()):
        raise _Unlike
    fields = dict(_children(known[_INFO]))
    # Firefox writes a duration, of nothing.
    if any(fields.pop(_DURATION, b"")) or int.from_bytes(fields.get(_SCALE, b"\x0f\x42\x40")) != _MILLISECOND:
        raise _Unlike
    clusters, end, duration = _walk(file, found.start)
    if not clusters:
        raise _Unlike
    kept = b"".join(_made(name, body) for name, body in fields.items())
    info = _made(_INFO, kept + _made(_DURATION, _double(float(duration))))
    tracks = _made(_TRACKS, known[_TRACKS])
    number = dict(_children(dict(_children(known[_TRACKS])).get(_TRACK, b""))).get(_TRACK_NUMBER, b"\x01")
    ebml_bytes = _made(_EBML, _read(file, ebml))
    head = _head(ebml_bytes, info, tracks, number, clusters, found.start)
    return Mended(head, found.start, end, duration / 1000)


def _walk(file: BinaryIO, at: int) -> tuple[list[tuple[int, int]], int, int]:
    """Where each cluster begins, and its time in ms; the end of the last whole block, and the end of what is
    heard in ms, as far as the distance of the last two blocks tells the length of the last."""
    clusters: list[tuple[int, int]] = []
    end, time, latest, before = at, 0, 0, 0
    opened: int | None = None
    for _ in range(_MAX_ELEMENTS):
        if (found := _element(file, at)) is None:
            break
        if found.id == _CLUSTER:
            opened, at = found.start, found.body
            continue
        if found.size is None or not _is_whole(file, found):
            break
        if found.id == _TIMESTAMP and opened is not None and found.size <= 8:
            time = int.from_bytes(_read(file, found))
            clusters.append((opened, time))
            opened = None
        elif found.id == _SIMPLE_BLOCK and clusters and opened is None:
            before, latest = latest, time + _block_time(file, found)
            end = found.body + found.size
        elif found.id == _BLOCK_GROUP and clusters and opened is None:
            end = found.body + found.size
        at = found.body + found.size
    else:
        raise _Unlike
    while clusters and clusters[-1][0] >= end:
        clusters.pop()  # of which no block came
    return clusters, end, latest + max(0, min(latest - before, 1000))


def _head(
    ebml: bytes, info: bytes, tracks: bytes, number: bytes, clusters: list[tuple[int, int]], begin: int
) -> bytes:
    """All that stands before the first cluster. Positions are counted from the segment's content, and have a
    fixed width, so that they change nothing of what lies before them."""

    def cues(first: int) -> bytes:
        points, last = [], -_CUE_EVERY
        for start, time in clusters:
            if time - last >= _CUE_EVERY:
                place = _made(_CUE_TRACK, number) + _made(_CUE_CLUSTER, _wide(first + start - begin))
                points.append(_made(_CUE_POINT, _made(_CUE_TIME, _wide(time)) + _made(_CUE_POSITIONS, place)))
                last = time
        return _made(_CUES, b"".join(points))

    def seek_head(positions: list[tuple[int, int]]) -> bytes:
        return _made(
            _SEEK_HEAD,
            b"".join(
                _made(_SEEK, _made(_SEEK_ID, _id_bytes(name)) + _made(_SEEK_POSITION, _wide(position)))
                for name, position in positions
            ),
        )

    names = (_INFO, _TRACKS, _CUES)
    first = len(seek_head([(name, 0) for name in names]))
    places = [first, first + len(info), first + len(info) + len(tracks)]
    before = places[2] + len(cues(0))
    body = seek_head(list(zip(names, places, strict=True))) + info + tracks + cues(before)
    # Without a size, as its clusters are: inside one that has a size they would have to have theirs.
    return ebml + _id_bytes(_SEGMENT) + _UNKNOWN + body


def _element(file: BinaryIO, at: int) -> _Element | None:
    """The element at this place; None where the file ends first. Raises _Unlike where there can be none."""
    file.seek(at)
    head = file.read(12)
    name, width = _number(head, 0, marked=True)
    if not width:
        return None
    size, more = _number(head, width, marked=False)
    if not more:
        return None
    unknown = size == (1 << 7 * more) - 1
    return _Element(name, at, at + width + more, None if unknown else size)


def _number(data: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """A number of variable width, with or without the bit that tells the width, and that width; 0 where the
    data end first."""
    if at >= len(data):
        return 0, 0
    width = 9 - data[at].bit_length()
    if width > (4 if marked else 8):
        raise _Unlike
    if at + width > len(data):
        return 0, 0
    value = int.from_bytes(data[at : at + width])
    return (value if marked else value & (1 << 7 * width) - 1), width


def _children(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        name, width = _number(body, at, marked=True)
        size, more = _number(body, at + width, marked=False)
        if not width or not more:
            return
        at += width + more
        yield name, body[at : at + size]
        at += size


def _is_whole(file: BinaryIO, found: _Element) -> bool:
    assert found.size is not None
    if not found.size:
        return True
    file.seek(found.body + found.size - 1)
    return bool(file.read(1))


def _read(file: BinaryIO, found: _Element) -> bytes:
    size = found.size or 0
    if size > _MAX_HEAD:
        raise _Unlike
    file.seek(found.body)
    data = file.read(size)
    if len(data) < size:
        raise _Unlike
    return data


def _block_time(file: BinaryIO, found: _Element) -> int:
    """Milliseconds since the cluster's time."""
    file.seek(found.body)
    head = file.read(10)
    _, width = _number(head, 0, marked=False)
    return int.from_bytes(head[width : width + 2], signed=True)


def _made(name: int, body: bytes) -> bytes:
    return _id_bytes(name) + _size_bytes(len(body)) + body


def _id_bytes(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8)


def _size_bytes(size: int) -> bytes:
    return (1 << 56 | size).to_bytes(8)


def _wide(number: int) -> bytes:
    return number.to_bytes(8)


def _double(number: float) -> bytes:

    return struct.pack(">d", number)
