"""Log in with a password, stay logged in, and log out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from tiro import actors
from tiro.db.session import Database
from tiro.db.tables import LoginTable, RefreshTokenTable, UserTable
from tiro.errors import Conflict, Forbidden, TiroError, Unauthorized
from tiro.features.accounts import repository
from tiro.features.accounts.factors.service import FactorService
from tiro.features.accounts.passwords import Passwords
from tiro.features.accounts.tokens import Access, AccessTokens
from tiro.features.audit.service import Action, record
from tiro.features.keys.scopes import of_role
from tiro.features.keys.service import Caller
from tiro.features.users.service import Role, UserService
from tiro.kit import clock
from tiro.kit.ids import uuid7

_log = structlog.get_logger(__name__)
LOGIN_LIFE = timedelta(days=30)
LINK_LIFE = timedelta(days=7)
CHALLENGE_LIFE = timedelta(minutes=5)
_GUESSES = 5


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gives: ``access`` goes with requests until ``ends``, ``refresh`` is exchanged once."""

    access: str
    ends: datetime
    refresh: str
    login_id: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """The password was right; ``AccountService.answer`` takes this and a code of the second factor."""

    token: str
    ends: datetime


class AccountService:
    """Logins. All tokens that come of one login are a family, which ends as a whole."""

    def __init__(
        self,
        database: Database,
        users: UserService,
        passwords: Passwords,
        tokens: AccessTokens,
        factors: FactorService,
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._tokens = tokens
        self.factors = factors

    def authenticate(self, token: str, *, ended_token: bool = False) -> Caller:
        """Raises Unauthorized where the token is not valid, or its login has ended.

        Args:
            ended_token: the token's own end does not count, only that of its login.
        """
        access = self._tokens.read(token, ended=ended_token)
        with self._database.read() as session:
            found = repository.active(session, access.login_id, clock.now())
        if found is None or found.user_id != access.user_id:
            raise Unauthorized
        return Caller(None, found.user_id, found.name, of_role(found.role), None, access.login_id)

    def login(self, name: str, password: str) -> Tokens | Challenge:
        """Raises Unauthorized, in the same words and after the same time whatever was wrong."""
        with self._database.read() as session:
            user = self._users.find(session, name)
        stored = user.password if user else None
        matches = self._passwords.matches(stored, password)
        renewed = stored
        if matches and stored is not None and self._passwords.outdated(stored):
            renewed = self._passwords.hashed(password)
        with self._database.write() as session:
            user = user and self._users.by_id(session, user.id)
            if matches and user and user.password == stored and user.disabled_at is None:
                user.password = renewed
                return self._enter(session, user.id, "password")
            # The block ends without an error, so that this is committed.
            _failed(session, user)
        raise Unauthorized("The name or the password is not right.")

    def answer(self, challenge: str, code: str) -> Tokens:
        """Log in with the code of the second factor, or with a recovery code. Each is good for one login.

        Raises:
            Unauthorized: the code is not right; or the challenge is unknown, past, or used up by guesses.
            TooManyGuesses
        """
        digest, now = _digest(challenge), clock.now()
        with self._database.write() as session:
            user_id = repository.guess(session, digest, now, _GUESSES)
            user = None if user_id is None else self._users.by_id(session, user_id)
            refusal: TiroError = Unauthorized(
                "This took too long, or too many codes were wrong. Log in again."
            )
            if user is not None and user.disabled_at is None:
                wrong = self.factors.check(session, user.id, code)
                if wrong is None:
                    repository.drop_challenge(session, digest)
                    return self.begin(session, user.id, "second factor")
                refusal = wrong
            record(session, Action.LOGIN_FAILED, user_id, owner=user_id, reason="wrong code")
        raise refusal

    def login_of(self, refresh_token: str) -> str:
        """The id of the login of a refresh token, used or not. Raises Unauthorized."""
        with self._database.read() as session:
            row = repository.refresh_token(session, _digest(refresh_token))
        if row is None:
            raise Unauthorized("This login has ended. Log in again.")
        return row.login_id

    def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token. One that comes a second time ends its whole family.

        Raises:
            Unauthorized: it is unknown, used, or its login has ended.
        """
        now = clock.now()
        with self._database.write() as session:
            row = repository.refresh_token(session, _digest(token))
            active = row and repository.active(session, row.login_id, now)
            if row is not None and active and row.used_at is None:
                row.used_at = now
                return self._issue(session, Access(active.user_id, row.login_id))
            if row is not None and active:
                # The block ends without an error, so that this is committed.
                repository.revoke(session, row.login_id, now)
                record(session, Action.LOGIN_REFRESH_REUSED, active.user_id, owner=active.user_id)
                _log.warning("login.refresh_reused", user_id=active.user_id, login_id=row.login_id)
        raise Unauthorized("This login has ended. Log in again.")

    def logout(self, token: str) -> None:
        """End the login of a refresh token; nothing where it is unknown."""
        with self._database.write() as session:
            row = repository.refresh_token(session, _digest(token))
            login = None if row is None else repository.login(session, row.login_id)
            if login is not None and login.revoked_at is None:
                repository.revoke(session, login.id, clock.now())
                record(session, Action.LOGIN_ENDED, login.user_id, owner=login.user_id)

    def logout_everywhere(self, user_id: str) -> None:
        with self._database.write() as session:
            self.end_all(session, user_id)
            record(session, Action.LOGIN_ALL_ENDED, user_id, owner=user_id)

    def change_password(self, user_id: str, current: str, new: str, *, logged_in: bool) -> Tokens | Challenge:
        """Set another password; all logins end but the one that this begins.

        Args:
            logged_in: the caller has shown the second factor already, as with a key they have not.

        Raises:
            Conflict: they have none yet; a link or the command line sets the first.
            Forbidden: ``current`` is not right.
            InvalidRequest: ``new`` is too short or too long.
        """
        hashed = self._passwords.hashed(new)
        with self._database.read() as session:
            stored = self._users.by_id(session, user_id).password
        if stored is None:
            raise Conflict("You have no password yet. An admin's link or `tiro users password` sets it.")
        matches = self._passwords.matches(stored, current)
        with self._database.write() as session:
            user = self._users.by_id(session, user_id)
            if matches and user.password == stored:
                self._replace(session, user, hashed)
                record(session, Action.PASSWORD_SET, user_id, owner=user_id, by="change")
                enter = self.begin if logged_in else self._enter
                return enter(session, user_id, "change")
            # The block ends without an error, so that this is committed.
            record(session, Action.PASSWORD_REFUSED, user_id, owner=user_id)
        raise Forbidden("The current password is not right.")

    def set_password(self, name: str, password: str) -> None:
        """As the machine's operator; ends all logins. Raises NotFound and InvalidRequest."""
        hashed = self._passwords.hashed(password)
        with self._database.write() as session:
            self._users.owner(session)
            user = self._users.named(session, name)
            self._replace(session, user, hashed)
            record(session, Action.PASSWORD_SET, user.id, owner=user.id, by="operator")

    def change_user(
        self,
        user_id: str,
        *,
        role: Role | None,
        disabled: bool | None,
        also: Callable[[Session], None] = lambda session: None,
    ) -> UserTable:
        """As an admin; ends all logins of the user where they may do less.

        Args:
            also: what else is to be changed, in the same transaction.

        Raises:
            NotFound: there is no such user.
            Conflict: the machine's owner stays an enabled admin, so that there is always one.
        """
        now = clock.now()
        with self._database.write() as session:
            user = self._users.by_id(session, user_id)
            demoted = role is not None and role != user.role
            if (demoted or disabled) and user.id == self._users.owner(session).id:
                raise Conflict("The machine's owner stays an admin, and enabled.")
            if role is not None and demoted:
                record(
                    session,
                    Action.USER_ROLE_CHANGED,
                    user.id,
                    owner=user.id,
                    before=user.role,
                    after=role.value,
                )
                user.role = role
            if disabled is not None and disabled != (user.disabled_at is not None):
                user.disabled_at = now if disabled else None
                action = Action.USER_DISABLED if disabled else Action.USER_ENABLED
                record(session, action, user.id, owner=user.id)
            if demoted or disabled:
                self.end_all(session, user_id)
            also(session)
        return user

    def prove(self, user_id: str, password: str) -> None:
        """Where they have a password, it must be right. Raises Forbidden where it is not."""
        with self._database.read() as session:
            stored = self._users.by_id(session, user_id).password
        if stored is not None and not self._passwords.matches(stored, password):
            raise Forbidden("The password is not right.")

    def end_all(self, session: Session, user_id: str) -> None:
        """End all logins of the user."""
        repository.revoke_all(session, user_id, clock.now())
        repository.drop_challenges(session, user_id)

    def reset_factor(self, user_id: str) -> None:
        """As an admin, for somebody who lost their phone: the password alone logs in again, and all their
        logins end. Raises NotFound."""
        with self._database.write() as session:
            self._forget_factor(session, self._users.by_id(session, user_id))

    def reset_factor_of(self, name: str) -> None:
        """As the machine's operator. Raises NotFound."""
        with self._database.write() as session:
            self._users.owner(session)
            self._forget_factor(session, self._users.named(session, name))

    # --- links --------------------------------------------------------------------------------------

    def setup_link(self) -> str | None:
        """A new link's token for the machine's owner, where nobody has a password; else None."""
        with self._database.write() as session:
            if repository.anyone_has_password(session):
                return None
            return _linked(session, self._users.owner(session).id)

    def link(self, user_id: str) -> str:
        """The token of a new link with which the user sets a password; an earlier one is void.
        Raises NotFound."""
        with self._database.write() as session:
            return _linked(session, self._users.by_id(session, user_id).id)

    def reset(self, user_id: str) -> str:
        """Take the password away and end all logins: the token of a link that sets another.
        Raises NotFound."""
        with self._database.write() as session:
            self._replace(session, self._users.by_id(session, user_id), None)
            record(session, Action.PASSWORD_RESET, user_id, owner=user_id)
            return _linked(session, user_id)

    def accept(self, token: str, password: str) -> Tokens | Challenge:
        """Set the password of the user whose link this is, and log in. The link is used up.

        Raises:
            Unauthorized: there is no such link, it is used or expired, or its user is disabled.
            InvalidRequest: the password is too short or too long; the link remains.
        """
        hashed = self._passwords.hashed(password)
        try:
            with self._database.write() as session:
                user_id = repository.take_link(session, _digest(token), clock.now())
                user = None if user_id is None else self._users.by_id(session, user_id)
                if user is None or user.disabled_at is not None:
                    raise Unauthorized("This link is used or has expired. Ask for another.")
                self._replace(session, user, hashed)
                record(session, Action.PASSWORD_SET, user.id, owner=user.id, by="link")
                return self._enter(session, user.id, "link")
        except Unauthorized:
            with self._database.write() as session:
                record(session, Action.LOGIN_FAILED, reason="link")
            raise

    # --- inside -------------------------------------------------------------------------------------

    def begin(self, session: Session, user_id: str, by: str) -> Tokens:
        """A new login of somebody who has shown all that is asked for. ``session`` must be a writing one.

        Args:
            by: what they have shown last, for the audit log.
        """
        user = self._users.by_id(session, user_id)
        now = clock.now()
        repository.forget_ended(session, user.id, now)
        login = LoginTable(
            id=str(uuid7()), user_id=user.id, created_at=now, expires_at=now + LOGIN_LIFE, revoked_at=None
        )
        repository.add(session, login)
        with actors.acting(actors.known(user.id, user.name)):
            record(session, Action.LOGIN_SUCCEEDED, user.id, owner=user.id, by=by)
        return self._issue(session, Access(user.id, login.id))

    def _enter(self, session: Session, user_id: str, by: str) -> Tokens | Challenge:
        """Let somebody in who has shown a password, unless there is more to show."""
        if not self.factors.enabled(session, user_id):
            return self.begin(session, user_id, by)
        now, token = clock.now(), secrets.token_urlsafe(32)
        ends = now + CHALLENGE_LIFE
        repository.add_challenge(session, user_id, _digest(token), ends, now)
        record(session, Action.LOGIN_CHALLENGED, user_id, owner=user_id, by=by)
        return Challenge(token, ends)

    def _issue(self, session: Session, access: Access) -> Tokens:
        refresh = secrets.token_urlsafe(32)
        repository.add(
            session, RefreshTokenTable(digest=_digest(refresh), login_id=access.login_id, used_at=None)
        )
        token, ends = self._tokens.make(access)
        return Tokens(token, ends, refresh, access.login_id)

    def _replace(self, session: Session, user: UserTable, hashed: str | None) -> None:
        """Another password, or none: what the old one opened is closed."""
        user.password = hashed
        self.end_all(session, user.id)
        repository.drop_link(session, user.id)

    def _forget_factor(self, session: Session, user: UserTable) -> None:
        self.factors.remove(session, user.id)
        record(session, Action.FACTOR_RESET, user.id, owner=user.id)
        self.end_all(session, user.id)


def _linked(session: Session, user_id: str) -> str:
    token = secrets.token_urlsafe(32)
    repository.put_link(session, user_id, _digest(token), clock.now() + LINK_LIFE)
    record(session, Action.LINK_CREATED, user_id, owner=user_id)
    return token


def _failed(session: Session, user: UserTable | None) -> None:
    """A login with a name and a password came to nothing."""
    if user is None:
        record(session, Action.LOGIN_FAILED, reason="unknown name")
    else:
        reason = "disabled" if user.disabled_at else "wrong password"
        record(session, Action.LOGIN_FAILED, user.id, owner=user.id, reason=reason)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
