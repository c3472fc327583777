"""Passwords: checked and hashed. Each call takes 64 MiB and a processor for a while."""

from __future__ import annotations

import base64
import os
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from tiro.errors import InvalidRequest

SHORTEST, LONGEST = 10, 1000


class Passwords:
    """Argon2id, with the parameters that its library recommends."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Checked where there is no user, so that the answer takes as long as where there is one.
        self._decoy = _nobodys(self._hasher)

    def hashed(self, password: str) -> str:
        """Raises InvalidRequest where it is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidRequest(f"A password has {SHORTEST} to {LONGEST} characters.")
        return self._hasher.hash(_normal(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Without a stored one it takes as long, and is false."""
        try:
            self._hasher.verify(stored or self._decoy, _normal(password[: LONGEST + 1]))
        except (VerifyMismatchError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether it was hashed with parameters that are no longer recommended."""
        return self._hasher.check_needs_rehash(stored)


def _nobodys(hasher: PasswordHasher) -> str:
    """What looks like the hash of a password, and is of none: made without the time that hashing takes."""
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _normal(password: str) -> str:
    """The same whatever the keyboard: one letter may come as one code point or as two."""
    return unicodedata.normalize("NFC", password)
