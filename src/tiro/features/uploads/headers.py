"""What tus says in headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Protocol

from tiro.errors import InvalidRequest

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-defer-length,creation-with-upload,checksum,termination,expiration"
ALGORITHMS = ("sha1", "sha256", "md5")
MAX_METADATA = 32_768
_MAX_DIGITS = 18
_BASE64 = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_PAIR = f"[!-+.-~-]+( {_BASE64})?"
COUNT_SHAPE = f"^[0-9]{{1,{_MAX_DIGITS}}}$"
METADATA_SHAPE = f"^({_PAIR}(,{_PAIR})*)?$"
CHECKSUM_SHAPE = f"^({'|'.join(ALGORITHMS)}) {_BASE64}$"
"""What the OpenAPI document says of these headers."""


def whole_number(text: str | None, name: str) -> int:
    """Raises InvalidRequest where the header is not there or no count of bytes."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise InvalidRequest(f"{name}: a number of bytes is needed.")
    return int(text)


def metadata(text: str) -> dict[str, list[str]]:
    """``Upload-Metadata`` as the fields of a form: pairs of a key and base64, with commas between; the value
    may be left out.

    Raises:
        InvalidRequest: it is not of this shape.
    """
    if len(text) > MAX_METADATA:
        raise InvalidRequest(f"Upload-Metadata: at most {MAX_METADATA} characters.")
    fields: dict[str, list[str]] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        if not name.isascii():
            raise InvalidRequest("Upload-Metadata: a key is not ASCII.")
        if name in fields:
            raise InvalidRequest(f"Upload-Metadata: '{name[:40]}' comes twice.")
        try:
            fields[name] = [base64.b64decode(value.strip(), validate=True).decode()]
        except (binascii.Error, UnicodeDecodeError) as err:
            raise InvalidRequest(f"Upload-Metadata: '{name[:40]}' is not UTF-8 text in base64.") from err
    return fields


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Checksum:
    """What ``Upload-Checksum`` promises of a body: an algorithm's name, and a digest in base64.

    Raises:
        InvalidRequest: it promises nothing that can be checked.
    """

    def __init__(self, text: str) -> None:
        name, _, digest = text.strip().partition(" ")
        if name not in ALGORITHMS:
            raise InvalidRequest(f"Upload-Checksum: one of {', '.join(ALGORITHMS)} and a digest in base64.")
        self._hash: _Hash = hashlib.new(name, usedforsecurity=False)
        try:
            self._expected = base64.b64decode(digest.strip(), validate=True)
        except binascii.Error as err:
            raise InvalidRequest("Upload-Checksum: the digest is not base64.") from err

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    @property
    def holds(self) -> bool:
        return hmac.compare_digest(self._hash.digest(), self._expected)
