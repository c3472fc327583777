"""What is kept in files beside the database, and without which some of its rows are worth nothing."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

NAMES = ("secret", "key")
"""The server's secret, from which second factors and kept answers are derived; the key of the machine's
owner."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Args:
    folder: the data folder.
    given: the secret that the settings name; it is the operator's to keep, and in no backup.
    """

    folder: Path
    given: bytes | None

    def read(self, name: str) -> bytes | None:
        if name == "secret" and self.given is not None:
            return None
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def mark(self) -> str | None:
        """Tells whether two servers have the same secret; None where there is none yet."""
        secret = self.given or self.read("secret")
        return None if secret is None else mark(secret)

    def put(self, name: str, data: bytes) -> None:
        """Keep ``data`` for good, where its owner alone can read it; nothing happens to a secret that the
        settings name."""
        if name == "secret" and self.given is not None:
            return
        new = self.folder / f"{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.folder / name)


def mark(secret: bytes) -> str:
    return hmac.digest(secret, b"tiro backup", hashlib.sha256).hex()
