"""Read a multipart form while it arrives: the file goes to its sink as it comes, never into memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from tiro.errors import InvalidRequest, UploadInterrupted, UploadTooLarge
from tiro.http.bodies import IncomingBody, InThread
from tiro.storage.base import Upload

_MAX_PARTS = 33
_MAX_FIELD_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_BATCH = 1024 * 1024
_FORM_OVERHEAD = 1_000_000
"""Bytes that a form may need beside its file."""


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
        UploadTooLarge: the file has more than ``max_size`` bytes, or the form far more than the file.
        UploadInterrupted: the body ended before the form did.
        StorageFull: the sink has no room.
    """
    form = _FormReader(_boundary(content_type), file_field)
    digest = hashlib.sha256()

    def flush(pieces: list[bytes]) -> None:
        for piece in pieces:
            digest.update(piece)
            sink.write(piece)

    received = 0
    async with InThread() as thread:
        async for chunk in IncomingBody(body):
            received += len(chunk)
            form.feed(chunk)
            if form.file_size > max_size:
                raise UploadTooLarge
            if received - form.file_size > _FORM_OVERHEAD:
                raise UploadTooLarge("The form has more bytes beside its file than a form needs.")
            if form.pending_size >= _BATCH:
                await thread.run(partial(flush, form.take()))
        if not form.ended:
            raise UploadInterrupted
        if form.filename is None:
            raise InvalidRequest(
                f"The form has no file in the field '{file_field}'. Send: -F {file_field}=@FILE"
            )
        await thread.run(partial(flush, form.take()))
    return ReceivedForm(form.filename, form.file_size, digest.hexdigest(), form.fields)


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise InvalidRequest("Send a multipart form, as `curl -F audio=@FILE` does.")
    return boundary


class _FormReader:
    """Collects the parser's callbacks. File data gathers, in the pieces in which it came, until it is taken:
    to put them together would cost as much as all the rest."""

    def __init__(self, boundary: bytes, file_field: str) -> None:
        self.fields: dict[str, list[str]] = {}
        self.filename: str | None = None
        self.file_size = self.pending_size = 0
        self._pending: list[bytes] = []
        self.ended = False
        self._file_field = file_field
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._name, self._value = bytearray(), bytearray()
        self._parts = 0
        self._part: str | None = None
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

    def take(self) -> list[bytes]:
        taken, self._pending, self.pending_size = self._pending, [], 0
        return taken

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise InvalidRequest("The form has too many fields.")
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
        if self._part == self._file_field and b"filename" in options:
            if self.filename is not None:
                raise InvalidRequest("Send one file at a time.")
            self.filename = options[b"filename"].decode("utf-8", "replace")

    def _is_file(self) -> bool:
        return self._part == self._file_field and self.filename is not None

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file():
            self._pending.append(data[start:end])
            self.file_size += end - start
            self.pending_size += end - start
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_FIELD_BYTES:
            raise InvalidRequest(f"The form field '{self._part}' is too long.")

    def _part_end(self) -> None:
        if not self._is_file() and self._part:
            self.fields.setdefault(self._part, []).append(self._text.decode("utf-8", "replace"))
        self._text.clear()
        self._part = None

    def _end(self) -> None:
        self.ended = True
