"""Measure how loud a recording is over time, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiro.db.session import Database
from tiro.db.tables import PeaksTable
from tiro.features.peaks import repository
from tiro.features.recordings.service import RecordingService
from tiro.media.decode import DecoderPool
from tiro.media.types import Samples
from tiro.storage.base import Storage

PER_SECOND = 20
MOST = 12_000
_FULL_SCALE = 32_768

Points = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Peaks:
    """``points`` are bytes, each for the same share of ``duration`` seconds."""

    duration: float
    points: bytes


class PeakService:
    """Peaks are measured when somebody first asks for them, in a decoder's process, and then kept."""

    def __init__(
        self, database: Database, storage: Storage, decoders: DecoderPool, recordings: RecordingService
    ) -> None:
        self._database = database
        self._storage = storage
        self._decoders = decoders
        self._recordings = recordings
        # Decoding hours of sound is work: one recording at a time, and whoever waits blocks no thread.
        self._turn = asyncio.Lock()

    async def of(self, recording_id: str) -> Peaks:
        """Raises:
        MediaRemoved: they were never measured, and now the file is gone.
        TiroError: the file cannot be decoded.
        """
        kept = await asyncio.to_thread(self._kept, recording_id)
        if kept is not None:
            return kept
        async with self._turn:
            kept = await asyncio.to_thread(self._kept, recording_id)
            return await asyncio.to_thread(self._measure, recording_id) if kept is None else kept

    def _kept(self, recording_id: str) -> Peaks | None:
        with self._database.read() as session:
            row = repository.get(session, recording_id)
            return None if row is None else Peaks(row.duration, row.points)

    def _measure(self, recording_id: str) -> Peaks:
        self._recordings.open_media(recording_id)[0].close()  # says so where retention removed it
        with self._storage.fetch(recording_id) as file, self._decoders.open(file) as media:
            points = measure(media)
            duration = media.info.duration
        peaks = Peaks(round(duration or 0.0, 3), points)
        with self._database.write() as session:
            row = PeaksTable(recording_id=recording_id, duration=peaks.duration, points=peaks.points)
            repository.keep(session, row)
        return peaks


def measure(blocks: Iterator[Samples]) -> bytes:
    """The loudest sample of each stretch, of blocks of int16 ``(n, channels)`` that hold a second each but
    for the last: 20 stretches a second, of long recordings fewer."""
    loudest = [_of_block(block) for block in blocks]
    if not loudest:
        return b""
    return _thinned(np.concatenate(loudest)).tobytes()


def _of_block(block: Samples) -> Points:
    levels = np.abs(block.astype(np.int32)).max(axis=1)
    edges = np.arange(0, len(levels), 16_000 // PER_SECOND)
    scaled = np.minimum(np.maximum.reduceat(levels, edges) * 255 // _FULL_SCALE, 255)
    points: Points = scaled.astype(np.uint8)
    return points


def _thinned(points: Points) -> Points:
    if len(points) <= MOST:
        return points
    edges = np.arange(MOST) * len(points) // MOST
    thinned: Points = np.maximum.reduceat(points, edges)
    return thinned
