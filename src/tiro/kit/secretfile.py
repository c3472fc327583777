"""A random secret that is made once and kept in a file."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def kept_secret(path: Path) -> bytes:
    """The secret in ``path``, which only its owner can read; made where there is none, and anew where it was
    cut short, as by a full disk."""
    with suppress(FileNotFoundError):
        found = path.read_bytes()
        if len(found) == 2 * _BYTES:
            return found
    made = secrets.token_hex(_BYTES).encode()
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return made
