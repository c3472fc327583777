"""Recordings that come while they are being made. Whoever makes one may be cut off at any moment, and has
nothing else to send it anew from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tiro.db.tables import UploadTable
from tiro.features.recordings.service import RecordingService
from tiro.features.uploads.headers import metadata
from tiro.http.fields import form_flag
from tiro.media.webm import mended
from tiro.storage.base import Arrival, PartStorage

FIELD = "live"
_CHUNK = 1 << 20


def is_live(row: UploadTable) -> bool:
    """Whether its sender said so, in ``Upload-Metadata``."""
    return form_flag(metadata(row.sent_metadata).get(FIELD, [""])[0]) is True


@contextmanager
def arrived(
    parts: PartStorage, recordings: RecordingService, row: UploadTable, recording_id: str, sha256: str
) -> Iterator[tuple[Arrival, int, str]]:
    """What is to be kept of a whole upload, its bytes and its SHA-256: as it came, but of a browser's
    recording, which lacks its length and an index, a copy that has both, and ends with its last whole block.

    Raises NotFound where another has finished the upload.
    """
    assert row.length is not None
    found = None
    if is_live(row):
        with parts.open(row.id) as file:
            found = mended(file)
    if found is None:
        yield parts.whole(row.id, recording_id), row.length, sha256
        return
    size = len(found.head) + found.end - found.begin
    with recordings.begin(recording_id, size) as upload, parts.open(row.id) as file:
        digest = hashlib.sha256(found.head)
        upload.write(found.head)
        file.seek(found.begin)
        left = found.end - found.begin
        while left and (chunk := file.read(min(_CHUNK, left))):
            digest.update(chunk)
            upload.write(chunk)
            left -= len(chunk)
        yield upload, size, digest.hexdigest()
