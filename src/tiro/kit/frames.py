"""Messages between a parent and its children: a JSON header and bytes, each with its length, over a pipe.

Layout, little-endian: 4 bytes length of the header, 4 bytes length of the body, header (UTF-8 JSON object),
body. Both ends are ours; the lengths are still bounded, because a child that reads untrusted media may be
taken over and must not be able to make its parent allocate without end.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")
MAX_HEADER = 8 * 1024 * 1024
MAX_BODY = 64 * 1024 * 1024


class BrokenFrame(Exception):
    """The other side closed in the middle of a message, or sent one that is not well formed."""


def write_frame(stream: BinaryIO, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write one message and flush it.

    Raises:
        BrokenPipeError: the reader is gone.
    """
    head = json.dumps(header, separators=(",", ":")).encode()
    stream.write(_LENGTHS.pack(len(head), len(body)) + head)
    if len(body):
        stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None at a clean end of the stream.

    Raises:
        BrokenFrame: the stream ended inside a message, or a length is out of bounds.
    """
    lengths = stream.read(_LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        raise BrokenFrame("ended inside the lengths")
    head_length, body_length = _LENGTHS.unpack(lengths)
    if head_length > MAX_HEADER or body_length > MAX_BODY:
        raise BrokenFrame(f"message of {head_length} + {body_length} bytes")
    head, body = stream.read(head_length), stream.read(body_length)
    if len(head) < head_length or len(body) < body_length:
        raise BrokenFrame("ended inside a message")
    try:
        header = json.loads(head)
    except ValueError as err:
        raise BrokenFrame("header is not JSON") from err
    if not isinstance(header, dict):
        raise BrokenFrame("header is not an object")
    return header, body
