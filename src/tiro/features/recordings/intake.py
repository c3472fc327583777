"""What the door takes in, and what it lets through."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from tiro.errors import UploadTooLarge
from tiro.features.jobs.states import Priority
from tiro.features.recordings.asked import Mark
from tiro.speech.options import TranscriptionOptions


@dataclass(frozen=True, slots=True)
class Intake:
    """An upload that has arrived whole, with what its sender asked for.

    ``passing`` recordings live as long as the request that brought them, and do not outlive the server.
    """

    recording_id: str
    filename: str
    title: str | None
    size: int
    sha256: str
    options: TranscriptionOptions
    priority: Priority
    owner_id: str
    idempotency_key: str | None
    passing: bool = False
    batch_id: str | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The same request gives the same fingerprint."""
        marks = [[mark.at, mark.text] for mark in self.marks]
        asked = [self.sha256, self.title, self.priority, self.options.asked(), self.batch_id, marks]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What the door lets through: bytes of a file, seconds of `?wait=`, and the engine by default."""

    max_upload: int
    max_wait: float
    default_engine: str

    def too_large(self) -> UploadTooLarge:
        return UploadTooLarge(
            f"The upload is larger than the {self.max_upload / 1e9:g} GB that this server accepts. "
            "TIRO_HTTP_MAX_UPLOAD raises the limit."
        )
