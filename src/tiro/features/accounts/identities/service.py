"""Log in at the identity provider, and link its identities to users."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import IdentityTable
from tiro.errors import Conflict, Forbidden, IdentityRefused, IdentityUnknown, NotFound
from tiro.features.accounts.identities import repository
from tiro.features.accounts.identities.attempts import Attempt, Attempts
from tiro.features.accounts.identities.provider import Identity, Provider
from tiro.features.accounts.service import AccountService, Tokens
from tiro.features.audit.service import Action, record
from tiro.features.users.service import UserService
from tiro.kit import clock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Return:
    """What the provider sent the browser back with."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A login that came back: the page to open, and the tokens, where it was not to link an identity."""

    to: str
    tokens: Tokens | None


class IdentityService:
    """Users as the provider knows them. A user is found by issuer and subject alone: a name or an e-mail
    address says nothing of who it is.

    Args:
        provider: None where there is none.
        register: whether an unknown identity gets a user of its own.
        redirect: where the provider sends browsers back; where it is None, the verbs are told.
    """

    def __init__(
        self,
        database: Database,
        users: UserService,
        accounts: AccountService,
        provider: Provider | None,
        secret: bytes,
        *,
        register: bool,
        redirect: str | None,
    ) -> None:
        self._database = database
        self._users = users
        self._accounts = accounts
        self._provider = provider
        self._attempts = Attempts(secret)
        self._register = register
        self._redirect = redirect

    @property
    def issuer(self) -> str | None:
        """None where there is no provider."""
        return self._provider.issuer if self._provider else None

    async def begin(self, redirect: str, *, to: str, link: str | None = None) -> tuple[str, str]:
        """Where to send the browser, and the cookie that it must bring back.

        Args:
            link: the id of a user whom the identity is to be linked to; without one it logs in.

        Raises:
            NotFound: there is no provider.
            IdentityProviderAway
        """
        provider = self._known()
        attempt, cookie = self._attempts.begin(to=to, link=link)
        return await provider.address(attempt, self._redirect or redirect), cookie

    async def finish(self, redirect: str, cookie: str | None, back: Return) -> Arrival:
        """
        Raises:
            NotFound: there is no provider.
            IdentityRefused: it is not this browser's login, or was used, or what comes of it does not hold.
            IdentityUnknown: nobody is linked to the identity.
            Forbidden: who is linked to it is disabled.
            Conflict: the identity is somebody else's.
            IdentityProviderAway
        """
        provider = self._known()
        try:
            return await self._finish(provider, redirect, cookie, back)
        except (IdentityRefused, IdentityUnknown, Forbidden):
            await asyncio.to_thread(self._failed)
            raise

    async def _finish(self, provider: Provider, redirect: str, cookie: str | None, back: Return) -> Arrival:
        attempt = self._attempts.read(cookie, back.state)
        await asyncio.to_thread(self._use, attempt)
        if back.issuer not in {None, provider.issuer}:
            raise IdentityRefused
        if back.code is None:
            reason = back.error if re.fullmatch(r"[a-z_]{1,60}", back.error or "") else "no code"
            raise IdentityRefused(f"The identity provider did not log you in ({reason}). Start it anew.")
        identity = await provider.identify(attempt, back.code, self._redirect or redirect)
        return await asyncio.to_thread(self._arrive, attempt, identity)

    def of_user(self, user_id: str) -> Sequence[IdentityTable]:
        with self._database.read() as session:
            return repository.of_user(session, user_id)

    def unlink_own(self, user_id: str) -> None:
        """Raises Conflict where there is no password to log in with instead."""
        with self._database.write() as session:
            if self._users.by_id(session, user_id).password is None:
                raise Conflict("You have no password, and could not log in any more.")
            repository.remove_all(session, user_id)
            record(session, Action.IDENTITY_UNLINKED, user_id, owner=user_id)

    def unlink(self, user_id: str) -> None:
        """As an admin; their logins end. Raises NotFound."""
        with self._database.write() as session:
            repository.remove_all(session, self._users.by_id(session, user_id).id)
            self._accounts.end_all(session, user_id)
            record(session, Action.IDENTITY_UNLINKED, user_id, owner=user_id)

    # --- inside -------------------------------------------------------------------------------------

    def _known(self) -> Provider:
        if self._provider is None:
            raise NotFound("No identity provider is set up. TIRO_OIDC_ISSUER names one.")
        return self._provider

    def _failed(self) -> None:
        with self._database.write() as session:
            record(session, Action.LOGIN_FAILED, reason="identity")

    def _use(self, attempt: Attempt) -> None:
        with self._database.write() as session:
            if not repository.use_attempt(session, attempt.digest, attempt.ends, clock.now()):
                raise IdentityRefused("This login was used already. Start it anew.")

    def _arrive(self, attempt: Attempt, identity: Identity) -> Arrival:
        with self._database.write() as session:
            row = repository.find(session, identity.issuer, identity.subject)
            if attempt.link is not None:
                if row is None:
                    _link(session, identity, attempt.link)
                elif row.user_id != attempt.link:
                    raise Conflict("This identity is linked to another user.")
                return Arrival(attempt.to, None)
            user_id = row.user_id if row else self._registered(session, identity)
            if self._users.by_id(session, user_id).disabled_at is not None:
                raise Forbidden("This user is disabled.")
            return Arrival(attempt.to, self._accounts.begin(session, user_id, "identity"))

    def _registered(self, session: Session, identity: Identity) -> str:
        if not self._register:
            raise IdentityUnknown
        user = self._users.register(session, identity.name or "user")
        _link(session, identity, user.id)
        _log.info("identity.registered", user_id=user.id)
        return user.id


def _link(session: Session, identity: Identity, user_id: str) -> None:
    row = IdentityTable(
        issuer=identity.issuer, subject=identity.subject, user_id=user_id, created_at=clock.now()
    )
    repository.add(session, row)
    record(session, Action.IDENTITY_LINKED, user_id, owner=user_id, issuer=identity.issuer)
