"""Whether a file is shorter than its own structure says: the plainest sign of an interrupted copy."""

from __future__ import annotations

from tiro.media.probe import Container, ReadAt

_UNKNOWN_32 = 0xFFFFFFFF  # written by programs that did not know the size when they began
_MAX_BOXES = 10_000  # top-level boxes of a fragmented MP4; a longer one is not followed to its end
_OGG_TAIL = 128 * 1024


def ends_early(read: ReadAt, size: int, kind: Container) -> bool:
    """True where the container promises more bytes than ``size``; False also where it promises nothing."""
    check = {"wav": _riff, "avi": _riff, "aiff": _form, "mov": _boxes, "matroska": _segment, "ogg": _ogg}
    return kind.demuxer in check and check[kind.demuxer](read, size)


def _riff(read: ReadAt, size: int) -> bool:
    head = read(0, 8)
    promised = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
    return head[:4] in {b"RIFF", b"RIFX"} and promised != _UNKNOWN_32 and promised + 8 > size


def _form(read: ReadAt, size: int) -> bool:
    head = read(0, 8)
    promised = int.from_bytes(head[4:], "big")
    return head[:4] == b"FORM" and promised != _UNKNOWN_32 and promised + 8 > size


def _boxes(read: ReadAt, size: int) -> bool:
    """Walk the boxes of the top level: the last must end where the file does."""
    offset = 0
    for _ in range(_MAX_BOXES):
        head = read(offset, 16)
        if len(head) < 8:
            return False
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0 means: up to the end; anything else is no box
            return False
        offset += length
        if offset > size:
            return True
    return False


def _segment(read: ReadAt, size: int) -> bool:
    """Matroska is an EBML header and one segment; the segment's size may be left open (all bits set)."""
    offset = 4 + sum(_vint(read(4, 8)))
    if read(offset, 4) != b"\x18\x53\x80\x67":
        return False
    width, length = _vint(read(offset + 4, 8))
    unknown = (1 << 7 * width) - 1
    return bool(width) and length != unknown and offset + 4 + width + length > size


def _vint(data: bytes) -> tuple[int, int]:
    """An EBML number: the bytes that it takes, and its value; (0, 0) where it is none."""
    if not data or not data[0]:
        return 0, 0
    width = 9 - data[0].bit_length()
    return width, int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)


def _ogg(read: ReadAt, size: int) -> bool:
    """The last page carries the flag "end of stream" and is all there, by its table of segments."""
    tail = read(max(0, size - _OGG_TAIL), _OGG_TAIL)
    page = tail.rfind(b"OggS")
    if page < 0:
        return False
    table = tail[page + 27 :][: tail[page + 26] if len(tail) > page + 26 else 0]
    return page + 27 + len(table) + sum(table) > len(tail) or not table or not tail[page + 5] & 4
