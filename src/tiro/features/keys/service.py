"""Make, check and revoke API keys."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import KeyTable, UserTable
from tiro.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.audit.service import Action, record
from tiro.features.keys import repository
from tiro.features.keys.scopes import Scope, missing, of_role, parsed, read_back, stored
from tiro.features.users.service import UserService
from tiro.kit import clock
from tiro.kit.ids import uuid7

MARK = "tiro_"
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what they may do: with a key, or else by a login. ``expires_at`` is the
    key's."""

    key_id: str | None
    user_id: str
    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None
    login_id: str | None = None


class KeyService:
    """API keys. A key is shown once, when it is made; the database holds only its SHA-256.

    When a key was used last is gathered in memory and written by ``note_uses``, so that no request waits for
    a writer."""

    def __init__(self, database: Database, users: UserService) -> None:
        self._database = database
        self._users = users
        self._uses: dict[str, datetime] = {}
        self._uses_lock = threading.Lock()

    def create(
        self,
        name: str,
        user: str | None = None,
        *,
        scopes: Iterable[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[KeyTable, str]:
        """A new key: its row, and the secret that nobody can show again.

        Args:
            user: the name of the user to whom it belongs; without one, the machine's owner.
            scopes: without any, all that the user's role allows.

        Raises:
            NotFound: there is no such user.
            InvalidRequest: no such scope, or an expiry that is past.
            Forbidden: a scope that the user's role does not allow.
        """
        with self._database.write() as session:
            holder = self._users.owner(session) if user is None else self._users.named(session, user)
            return _made(session, holder, name, scopes, expires_at)

    def create_first(self, name: str) -> tuple[KeyTable, str] | None:
        """The owner's key as `create` makes it, where there is no key yet: of several servers that begin on a
        new database, one makes it."""
        with self._database.write() as session:
            if repository.everyone(session):
                return None
            return _made(session, self._users.owner(session), name, None, None)

    def create_own(
        self, caller: Caller, name: str, scopes: Iterable[str] | None, expires_at: datetime | None
    ) -> tuple[KeyTable, str]:
        """A new key of the caller's. It can do no more than the key that makes it, and live no longer.

        Raises:
            InvalidRequest: no such scope, or an expiry that is past.
            Forbidden: it would do more or live longer.
        """
        wanted = caller.scopes if scopes is None else parsed(scopes)
        for scope in sorted(wanted - caller.scopes):
            raise missing(scope)
        if caller.expires_at is not None:
            expires_at = expires_at or caller.expires_at
            if expires_at > caller.expires_at:
                until = f"{caller.expires_at:%Y-%m-%d %H:%M} UTC"
                raise Forbidden(f"This key expires at {until}; one that it makes cannot live longer.")
        with self._database.write() as session:
            holder = self._users.by_id(session, caller.user_id)
            return _made(session, holder, name, wanted, expires_at)

    def authenticate(self, secret: str) -> Caller:
        """Raises Unauthorized where the key is unknown, revoked or expired."""
        now = clock.now()
        with self._database.read() as session:
            row = repository.valid(session, _digest(secret), now)
        if row is None:
            raise Unauthorized
        with self._uses_lock:
            self._uses[row.id] = now
        scopes = read_back(row.scopes) & of_role(row.role)
        return Caller(row.id, row.owner_id, row.name, scopes, row.expires_at)

    def note_uses(self) -> None:
        """Write down when keys were used last. Raises DatabaseBusy; nothing is lost, and the next call tries
        again."""
        with self._uses_lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            # Shared: one statement a key, in one order, which relies on nothing that was read.
            with self._database.write(shared=True) as session:
                repository.note_uses(session, uses)
        except BaseException:
            with self._uses_lock:
                self._uses = uses | self._uses
            raise

    def used_at(self, key: KeyTable) -> datetime | None:
        """When the key was used last, written down or not."""
        return self._uses.get(key.id, key.used_at)

    def list(self, user_id: str | None = None) -> Sequence[KeyTable]:
        """All keys, or those of one user, in the order of their making."""
        with self._database.read() as session:
            if user_id is not None:
                return repository.of_user(session, user_id)
            return repository.everyone(session)

    def revoke(self, key_id: str, user_id: str | None = None) -> None:
        """Raises NotFound where there is no such key (of the user's, where one is given), or it is revoked
        already."""
        with self._database.write() as session:
            owner = repository.revoke(session, key_id, clock.now(), user_id)
            if owner is None:
                raise NotFound(f"There is no valid key {key_id}. `tiro keys list` shows them.")
            record(session, Action.KEY_REVOKED, key_id, owner=owner)


def _made(
    session: Session,
    holder: UserTable,
    name: str,
    scopes: Iterable[str] | None,
    expires_at: datetime | None,
) -> tuple[KeyTable, str]:
    allowed = of_role(holder.role)
    wanted = allowed if scopes is None else parsed(scopes)
    for scope in sorted(wanted - allowed):
        raise Forbidden(f"The role of {holder.name} does not allow the scope `{scope}`.")
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"A key's name has 1 to {_MAX_NAME} printable characters.")
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("A key must expire in the future.")
    secret = MARK + secrets.token_urlsafe(32)
    row = KeyTable(
        id=str(uuid7()),
        owner_id=holder.id,
        name=name,
        prefix=secret[: len(MARK) + 4],
        digest=_digest(secret),
        scopes=stored(wanted),
        created_at=now,
        expires_at=expires_at,
        used_at=None,
        revoked_at=None,
    )
    repository.add(session, row)
    record(
        session,
        Action.KEY_CREATED,
        row.id,
        owner=holder.id,
        name=name,
        scopes=row.scopes.split(),
        expires_at=None if expires_at is None else expires_at.isoformat(),
    )
    return row, secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
