"""The invariants of the data. After any fault, all of them hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.errors import NotFound
from tiro.features.checkup import repository
from tiro.kit import clock
from tiro.storage.base import Storage, StorageInventory

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise, and what breaks it (empty where it is kept)."""

    promise: str
    faults: Sequence[str]


class CheckupService:
    """Looks, and changes nothing.

    Args:
        running: whether a server is at work on the data now: then files may be ahead of their rows.
    """

    def __init__(
        self, database: Database, storage: Storage, inventory: StorageInventory, *, running: bool
    ) -> None:
        self._database = database
        self._storage = storage
        self._inventory = inventory
        self._running = running

    def run(self) -> list[Finding]:
        rules: list[tuple[str, Callable[[Session], Sequence[str]]]] = [
            ("the database is sound", repository.integrity),
            ("no running job has an expired lease", lambda session: repository.expired(session, clock.now())),
            ("every recording has one job that speaks for it", repository.without_one_latest_job),
            ("every completed job has its transcript", repository.completed_without_transcript),
            ("no transcript has a gap", repository.gaps_in_segments),
            ("every recording has its file, unchanged", lambda session: list(self._broken_files(session))),
            ("every file has its recording", self._orphans),
        ]
        with self._database.read() as session:
            return [Finding(promise, rule(session)) for promise, rule in rules]

    def _broken_files(self, session: Session) -> Iterator[str]:
        for recording_id, size, sha256 in repository.files(session):
            try:
                digest, length = self._digest(recording_id)
            except NotFound:
                yield f"{recording_id}: the file is missing"
                continue
            if (digest, length) != (sha256, size):
                yield f"{recording_id}: the file is not what was sent ({length} of {size} bytes)"

    def _digest(self, recording_id: str) -> tuple[str, int]:
        digest, length = hashlib.sha256(), 0
        with self._storage.open(recording_id) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                length += len(chunk)
        return digest.hexdigest(), length

    def _orphans(self, session: Session) -> Sequence[str]:
        if self._running:
            return []
        known = {recording_id for recording_id, _, _ in repository.files(session)}
        return [
            f"{key}: a file without a recording" for key in self._inventory.inventory() if key not in known
        ]
