"""Serve stored bytes, whole or a part (RFC 9110, section 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tiro.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 256 * 1024


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where the whole file is wanted.

    One range only: several at once are a way to make a server work, not to play a recording.

    Raises:
        RangeNotSatisfiable: several ranges, none inside the file, or not a range of bytes at all.
    """
    if header is None or not header.strip().lower().startswith("bytes"):
        return None  # a unit that is not known must be ignored
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        raise RangeNotSatisfiable("Ask for one range, such as 'bytes=0-1023'.")
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise RangeNotSatisfiable
    return start, stop


def file_response(
    file: BinaryIO, *, range_header: str | None, media_type: str, filename: str, head: bool = False
) -> Response:
    """Answer with the file, which is closed at the end. What the file's owner put in it can do no harm in a
    browser: its type is fixed, and it is shown in a sandbox."""
    size = file.seek(0, os.SEEK_END)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(filename, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, max-age=0",
    }
    try:
        part = parse_range(range_header, size)
    except RangeNotSatisfiable as error:
        file.close()
        error.headers["Content-Range"] = f"bytes */{size}"
        raise
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    if head:
        file.close()
        return Response(status_code=206 if part else 200, media_type=media_type, headers=headers)
    return _FileResponse(
        file, start, stop, status_code=206 if part else 200, media_type=media_type, headers=headers
    )


class _FileResponse(StreamingResponse):
    """Closes the file however it ends: a player that seeks goes away in the middle, and a generator that
    nobody reads any more keeps what it has open until the garbage collector comes."""

    def __init__(self, file: BinaryIO, start: int, stop: int, **more: Any) -> None:
        super().__init__(_chunks(file, start, stop), **more)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop and (chunk := file.read(min(_CHUNK, stop - start))):
        start += len(chunk)
        yield chunk
