"""The invariants of the data. After any fault, all of them hold."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.errors import NotFound
from tiro.features.checkup import repository
from tiro.kit import clock
from tiro.storage.base import PartStorage, Storage, StorageInventory

_CHUNK = 1 << 20
_PAUSE = 0.1

SETTLE_SECONDS = 12.0
"""Longer than a server waits for the database when it writes the row of a file that it has kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise, and what breaks it (empty where it is kept)."""

    promise: str
    faults: Sequence[str]


_Rule = Callable[[Session], Sequence[str]]
_THOROUGH: tuple[tuple[str, _Rule], ...] = (
    ("the database is sound", repository.integrity),
    ("no transcript has a gap", repository.gaps_in_segments),
    ("every version of a transcript has its edit", repository.miscounted_edits),
)
_QUICK: tuple[tuple[str, _Rule], ...] = (
    ("no running job has an expired lease", lambda session: repository.expired(session, clock.now())),
    ("every recording has one job that speaks for it", repository.without_one_latest_job),
    ("every user's recordings are counted", repository.miscounted),
    ("every batch holds its owner's recordings", repository.in_anothers_batch),
    ("every share is its owner's, with another", repository.shares_of_others),
    ("every completed job has its transcript", repository.completed_without_transcript),
    ("every message to a webhook waits or has ended", repository.lost_deliveries),
)


def look_at_rows(database: Database) -> list[Finding]:
    """What can be told in a moment: neither files nor what was said are read."""
    return _look(database, _QUICK)


def _look(database: Database, rules: Iterable[tuple[str, _Rule]]) -> list[Finding]:
    found = []
    for promise, rule in rules:
        with database.read() as session:
            found.append(Finding(promise, rule(session)))
    return found


class CheckupService:
    """Looks, and changes nothing. No transaction outlasts one look at the rows: while files are read, which
    may take hours, a server beside it must be able to tidy its log up.

    Args:
        running: whether a server is at work on the data now, which keeps a file before it writes its row;
            asked only where that matters.
        settle_seconds: how long a file may then be without its row before that counts.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        inventory: StorageInventory,
        parts: PartStorage,
        *,
        running: Callable[[], bool],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._database = database
        self._storage = storage
        self._inventory = inventory
        self._parts = parts
        self._running = running
        self._settle_seconds = settle_seconds

    def run(self) -> list[Finding]:
        rules: list[tuple[str, Callable[[], Sequence[str]]]] = [
            ("every recording has its file, unchanged", lambda: list(self._broken_files())),
            ("every file has its recording", lambda: self._lasting(self._without_row, "without a recording")),
            ("no file outlives its removal", lambda: self._lasting(self._removed, "that was to be removed")),
            (
                "every part of a file has its upload",
                lambda: self._lasting(self._without_upload, "without an upload"),
            ),
        ]
        return [
            *_look(self._database, _THOROUGH),
            *look_at_rows(self._database),
            *(Finding(promise, rule()) for promise, rule in rules),
        ]

    def _files(self) -> list[tuple[str, int, str]]:
        with self._database.read() as session:
            return list(repository.files(session))

    def _broken_files(self) -> Iterator[str]:
        for recording_id, size, sha256 in self._files():
            try:
                digest, length = self._digest(recording_id)
            except NotFound:
                # It may have been deleted since the rows were read: its row goes first, then its file.
                if recording_id in {known for known, _, _ in self._files()}:
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

    def _lasting(self, find: Callable[[], set[str]], what: str) -> Sequence[str]:
        """Files that are as they should not be for longer than a server at work needs."""
        found = find()
        deadline = time.monotonic() + self._settle_seconds
        while found and time.monotonic() < deadline and self._running():
            time.sleep(_PAUSE)
            found &= find()
        return [f"{key}: a file {what}" for key in sorted(found)]

    def _without_row(self) -> set[str]:
        # The files first: what is kept between the two looks has its row by the second.
        kept = set(self._inventory.inventory())
        with self._database.read() as session:
            return kept - repository.recordings_to_be(session) - repository.recordings(session)

    def _removed(self) -> set[str]:
        kept = set(self._inventory.inventory())
        with self._database.read() as session:
            kept &= repository.recordings(session)
        return kept - {recording_id for recording_id, _, _ in self._files()}

    def _without_upload(self) -> set[str]:
        kept = set(self._parts.parts())
        with self._database.read() as session:
            return kept - repository.uploads(session)
