"""Make, check and revoke API keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tiro.db.session import Database
from tiro.db.tables import KeyTable
from tiro.errors import NotFound, Unauthorized
from tiro.features.keys import repository
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.kit.ids import uuid7

_MARK = "tiro_"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    key_id: str
    user_id: str
    name: str


class KeyService:
    """API keys. A key is shown once, when it is made; the database holds only its SHA-256."""

    def __init__(self, database: Database, users: UserService) -> None:
        self._database = database
        self._users = users

    def create(self, name: str, user: str | None = None) -> tuple[KeyTable, str]:
        """A new key: its row, and the secret that nobody can show again.

        Args:
            user: the name of the user to whom it belongs; without one, the machine's owner.

        Raises:
            NotFound: there is no such user.
        """
        secret = _MARK + secrets.token_urlsafe(32)
        with self._database.write() as session:
            holder = self._users.owner(session) if user is None else self._users.named(session, user)
            row = KeyTable(
                id=str(uuid7()),
                owner_id=holder.id,
                name=name,
                prefix=secret[: len(_MARK) + 4],
                digest=_digest(secret),
                created_at=clock.now(),
                revoked_at=None,
            )
            repository.add(session, row)
        return row, secret

    def authenticate(self, secret: str) -> Caller:
        """Raises Unauthorized where the key is unknown or revoked."""
        with self._database.read() as session:
            row = repository.by_digest(session, _digest(secret))
        if row is None:
            raise Unauthorized
        return Caller(key_id=row.id, user_id=row.owner_id, name=row.name)

    def list(self) -> Sequence[KeyTable]:
        with self._database.read() as session:
            return repository.everyone(session)

    def revoke(self, key_id: str) -> None:
        """Raises NotFound where there is no such key, or it is revoked already."""
        with self._database.write() as session:
            if not repository.revoke(session, key_id, clock.now()):
                raise NotFound(f"There is no valid key {key_id}. `tiro keys list` shows them.")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
