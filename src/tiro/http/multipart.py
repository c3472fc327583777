"""Read a multipart form while it arrives: files go to their sinks as they come, never into memory."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from tiro.errors import InvalidRequest, TiroError, UploadInterrupted, UploadTooLarge
from tiro.http.bodies import IncomingBody, InThread
from tiro.storage.base import Upload
from tiro.telemetry import metrics
from tiro.telemetry.timing import timed

_MAX_FIELDS = 32
_MAX_FIELD_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_BATCH = 1024 * 1024
FORM_OVERHEAD = 1_000_000
_FILE_OVERHEAD = 1_000
"""Bytes that a form may need beside its files, and for each of them."""


@dataclass(slots=True)
class ReceivedForm:
    """A form that has arrived whole. ``size`` and ``sha256`` are those of the file; a field may come several
    times."""

    filename: str
    size: int
    sha256: str
    fields: dict[str, list[str]] = field(default_factory=dict)


async def receive_form(
    content_type: str, body: AsyncIterator[bytes], *, file_field: str, sink: Upload, max_size: int
) -> ReceivedForm:
    """Read a form with one file in ``file_field``; the file's bytes go to ``sink``.

    Raises:
        InvalidRequest: not a multipart form, or one that is not well formed, or without the file.
        UploadTooLarge: the file has more than ``max_size`` bytes.
        UploadInterrupted: the body ended before the form did.
        StorageFull: the sink has no room.
    """
    form = Form(content_type, body, file_field=file_field, max_files=1)
    received: ReceivedForm | None = None
    with timed(metrics.DOOR_SECONDS, "door", "receive") as span:
        async for file in form.files():
            size, sha256 = await file.save(sink, max_size)
            span.set(size=size)
            received = ReceivedForm(file.filename, size, sha256, form.fields)
    if received is None:
        raise InvalidRequest(f"The form has no file in the field '{file_field}'. Send: -F {file_field}=@FILE")
    return received


class Form:
    """A form while it arrives.

    ``fields`` are those that have come so far; each may come several times.

    ``broken`` says that the error just raised was the form's own, and no file can follow.

    Args:
        max_files: files in ``file_field``; one more is refused. Of several, all fields come before the first,
            so that they are known when it comes.
    """

    def __init__(
        self,
        content_type: str,
        body: AsyncIterator[bytes],
        *,
        file_field: str,
        max_files: int,
    ) -> None:
        self._reader = _FormReader(_boundary(content_type), file_field, max_files)
        self._chunks = aiter(IncomingBody(body))
        self._received = 0
        self._overhead = FORM_OVERHEAD + _FILE_OVERHEAD * max_files
        self.broken = False

    @property
    def fields(self) -> dict[str, list[str]]:
        return self._reader.fields

    async def files(self) -> AsyncIterator[IncomingFile]:
        """The files in the order in which they come. What of one is not read when the next is asked for is
        passed over. The body is read to its end.

        Raises:
            InvalidRequest: the form is not well formed, or has too much of something.
            UploadTooLarge: the form has far more bytes than its files.
            UploadInterrupted: the body ended before the form did.
        """
        while (piece := await self._next()) is not None:
            if isinstance(piece, str):
                yield IncomingFile(piece, self._data())

    async def _data(self) -> AsyncIterator[bytes]:
        while isinstance(piece := await self._next(), bytes):
            yield piece

    async def _next(self) -> str | bytes | _End | None:
        """A file's name, then its bytes, then its end; None at the end of the form."""
        pieces = self._reader.pieces
        try:
            while not pieces:
                chunk = await anext(self._chunks, None)
                if chunk is None:
                    if not self._reader.ended:
                        raise UploadInterrupted
                    return None
                self._received += len(chunk)
                self._reader.feed(chunk)
                if self._received - self._reader.file_bytes > self._overhead:
                    raise UploadTooLarge("The form has more bytes beside its file than a form needs.")
        except TiroError:
            self.broken = True
            raise
        return pieces.popleft()


class IncomingFile:
    """A file of a form while it arrives."""

    def __init__(self, filename: str, data: AsyncIterator[bytes]) -> None:
        self.filename = filename
        self._data = data

    async def save(self, sink: Upload | None, max_size: int) -> tuple[int, str]:
        """Give the bytes to ``sink``, or to nothing; returns how many they are, and their SHA-256 in hex.

        Raises:
            UploadTooLarge: there are more than ``max_size``.
            StorageFull: the sink has no room.
        """
        digest = hashlib.sha256()
        size, waiting = 0, 0
        # To put the pieces together would cost as much as all the rest.
        pieces: list[bytes] = []

        def flush(pieces: list[bytes]) -> None:
            for piece in pieces:
                digest.update(piece)
                if sink is not None:
                    sink.write(piece)

        async with InThread() as thread:
            async for data in self._data:
                size += len(data)
                metrics.UPLOAD_BYTES.add(amount=len(data))
                waiting += len(data)
                pieces.append(data)
                if size > max_size:
                    raise UploadTooLarge
                if waiting >= _BATCH:
                    await thread.run(partial(flush, pieces))
                    pieces, waiting = [], 0
            await thread.run(partial(flush, pieces))
        return size, digest.hexdigest()


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise InvalidRequest("Send a multipart form, as `curl -F audio=@FILE` does.")
    return boundary


class _End:
    """The end of a file."""


class _FormReader:
    """Collects the parser's callbacks. What comes of files gathers in ``pieces`` until it is taken."""

    def __init__(self, boundary: bytes, file_field: str, max_files: int) -> None:
        self.fields: dict[str, list[str]] = {}
        self.pieces: deque[str | bytes | _End] = deque()
        self.file_bytes = 0
        self.ended = False
        self._file_field = file_field
        self._files_left = max_files
        self._fields_first = max_files > 1
        self._fields_left = _MAX_FIELDS
        self._may_have_fields = True
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._name, self._value = bytearray(), bytearray()
        self._part: str | None = None
        self._in_file = False
        self._text = bytearray()
        self._parser = MultipartParser(
            boundary,
            callbacks={
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        if self.ended:
            return  # what comes behind the end is to be ignored (RFC 2046); the length of the body is bounded
        try:
            self._parser.write(chunk)
        except MultipartParseError as err:
            raise InvalidRequest("The multipart form is not well formed.") from err

    def _part_begin(self) -> None:
        self._headers.clear()
        self._header_bytes = 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise InvalidRequest("The headers of a form field are too long.")

    def _header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._part = options.get(b"name", b"").decode("utf-8", "replace")
        if self._part == self._file_field and b"filename" not in options:
            raise InvalidRequest(
                f"{self._part}: it must come as a file, with a name. Send: -F {self._part}=@FILE"
            )
        self._in_file = self._part == self._file_field
        if self._in_file:
            self._files_left -= 1
            if self._files_left < 0:
                raise InvalidRequest("The form has too many files.")
            self.pieces.append(options[b"filename"].decode("utf-8", "replace"))
            self._may_have_fields = not self._fields_first
        else:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise InvalidRequest("The form has too many fields.")
            if not self._may_have_fields:
                raise InvalidRequest("Put the fields of the form before its files; they hold for all.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.pieces.append(data[start:end])
            self.file_bytes += end - start
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_FIELD_BYTES:
            raise InvalidRequest(f"The form field '{self._part}' is too long.")

    def _part_end(self) -> None:
        if self._in_file:
            self.pieces.append(_End())
        elif self._part:
            self.fields.setdefault(self._part, []).append(self._text.decode("utf-8", "replace"))
        self._text.clear()
        self._part = None
        self._in_file = False

    def _end(self) -> None:
        self.ended = True
