"""Write the body of a request to the end of an upload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tiro.db.tables import UploadTable
from tiro.errors import ChecksumMismatch, TiroError, UploadInterrupted
from tiro.features.uploads.digests import Digests
from tiro.features.uploads.headers import Checksum
from tiro.features.uploads.later import Later
from tiro.features.uploads.live import is_live
from tiro.http.bodies import IncomingBody, InThread
from tiro.storage.base import PartStorage, PartWriter
from tiro.telemetry import metrics
from tiro.telemetry.timing import timed

_T = TypeVar("_T")
_BATCH = 1024 * 1024
_GOES_ON = "The body ended before its time. HEAD on the upload's address tells where to go on."


class Receiver:
    """For whoever has the upload to themselves."""

    def __init__(self, parts: PartStorage, digests: Digests, later: Later) -> None:
        self._parts = parts
        self._digests = digests
        self._later = later

    async def append(
        self, row: UploadTable, offset: int, room: int, body: IncomingBody, checksum: Checksum | None
    ) -> None:
        digest = self._digests.at(row.id, offset)
        context = self._parts.append(row.id, unproven=checksum is not None)
        writer = await in_thread(context.__enter__)

        def write(data: bytes) -> None:
            writer.write(data)
            if checksum is not None:
                checksum.update(data)
            if digest is not None:
                digest.update(data)

        try:
            with timed(metrics.DOOR_SECONDS, "door", "receive"):
                received = await _receive(body, room, writer, write, lambda: self._later.too_much(row))
            if checksum is not None:
                if not checksum.holds:
                    raise ChecksumMismatch
                writer.keep()
        finally:
            await in_thread(lambda: context.__exit__(None, None, None))
        if not received and is_live(row):
            # Nothing to send is a sign of life too: somebody has paused.
            await in_thread(lambda: self._parts.touch(row.id))


async def _receive(
    body: IncomingBody,
    room: int,
    writer: PartWriter,
    write: Callable[[bytes], None],
    too_much: Callable[[], TiroError],
) -> int:
    """Give the body to ``write``, and say how long it was; keeps nothing if it has more than ``room``."""
    pending: list[bytes] = []
    held = received = 0

    def flush(pieces: list[bytes]) -> None:
        for piece in pieces:
            write(piece)

    async with InThread() as thread:
        try:
            async for chunk in body:
                received += len(chunk)
                metrics.UPLOAD_BYTES.add(amount=len(chunk))
                if received > room:
                    await thread.run(writer.take_back)
                    raise too_much()
                pending.append(chunk)
                held += len(chunk)
                if held >= _BATCH:
                    await thread.run(partial(flush, pending))
                    pending, held = [], 0
        except UploadInterrupted as err:
            await thread.run(partial(flush, pending))
            raise UploadInterrupted(_GOES_ON) from err
        await thread.run(partial(flush, pending))
    return received


async def in_thread(action: Callable[[], _T]) -> _T:
    """As ``to_thread``, but whoever is cancelled waits for the thread: it may still be writing."""
    work = asyncio.ensure_future(asyncio.to_thread(action))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
