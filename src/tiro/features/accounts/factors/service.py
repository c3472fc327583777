"""Enrol an authenticator app, check its codes, and let go of it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import SecondFactorTable
from tiro.errors import Conflict, Forbidden, InvalidRequest, TiroError, TooManyGuesses, Unauthorized
from tiro.features.accounts.factors import codes, repository
from tiro.features.accounts.passwords import Passwords
from tiro.features.audit.service import Action, record
from tiro.features.users.service import UserService
from tiro.kit import clock

_log = structlog.get_logger(__name__)
_RECOVERY_CODES = 10
_FREE_GUESSES = 5
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app needs: as an address, which a QR code holds, or typed."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class FactorState:
    enabled: bool
    recovery_codes: int


class FactorService:
    """Second factors. The app's secret is derived from the server's and from a salt in the database.

    Whoever knows the password may guess codes. After five wrong ones each further guess waits, from half a
    minute up to an hour, until a right one comes: three of a million codes are right, so a year of guesses
    finds one with a chance of a few in 100. Nobody is locked out meanwhile: recovery codes wait for nothing.
    """

    def __init__(self, database: Database, users: UserService, passwords: Passwords, secret: bytes) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._key = hashlib.sha256(b"tiro second factor\0" + secret).digest()

    def enabled(self, session: Session, user_id: str) -> bool:
        row = repository.find(session, user_id)
        return row is not None and row.confirmed_at is not None

    def check(self, session: Session, user_id: str, code: str) -> TiroError | None:
        """Use up a code of the user's: None where it is right. Else the error to raise, once ``session`` is
        committed, since a wrong code is counted there."""
        row = repository.find(session, user_id)
        if row is None or row.confirmed_at is None:
            return Conflict("There is no second factor.")
        plain = codes.plain(code)
        if not (len(plain) == codes.DIGITS and plain.isascii() and plain.isdigit()):
            if repository.take_recovery(session, codes.digest_of(user_id, plain)):
                repository.forgive(session, user_id)
                record(session, Action.FACTOR_RECOVERY_USED, user_id, owner=user_id)
                _log.warning("second_factor.recovery_code_used", user_id=user_id)
                return None
            return Unauthorized("The code is not right.")
        now = clock.now()
        if row.blocked_until is not None and now < row.blocked_until:
            return TooManyGuesses(retry_after=(row.blocked_until - now).total_seconds())
        step = codes.step_of(self._secret(row.salt), plain, now, after=row.step)
        if step is not None and repository.use_step(session, user_id, step):
            return None
        over = repository.count_failure(session, user_id) - _FREE_GUESSES
        if over >= 0:
            wait = min(_FIRST_WAIT * 2 ** min(over, 20), _LONGEST_WAIT)
            repository.block(session, user_id, now + wait)
            _log.warning("second_factor.guessed", user_id=user_id, wait=wait.total_seconds())
        return Unauthorized("The code is not right, or was used before. Wait for the next one.")

    # --- one's own ----------------------------------------------------------------------------------

    def state(self, user_id: str) -> FactorState:
        with self._database.read() as session:
            if not self.enabled(session, user_id):
                return FactorState(enabled=False, recovery_codes=0)
            return FactorState(True, repository.recovery_left(session, user_id))

    def enrol(self, user_id: str, password: str) -> Enrolment:
        """Begin: nothing is asked for at a login before ``confirm``. Called again, it makes another secret.

        Raises:
            Conflict: there is one already, or no password that it could stand beside.
            Forbidden: the password is not right.
        """
        stored = self._prove(user_id, password)
        salt = secrets.token_hex(16)
        with self._database.write() as session:
            self._same(session, user_id, stored)
            if self.enabled(session, user_id):
                raise Conflict("There is a second factor already. Disable it first.")
            repository.put(
                session,
                SecondFactorTable(
                    user_id=user_id, salt=salt, confirmed_at=None, step=0, failures=0, blocked_until=None
                ),
            )
            record(session, Action.FACTOR_BEGUN, user_id, owner=user_id)
            name = self._users.by_id(session, user_id).name
        secret = self._secret(salt)
        return Enrolment(codes.text_of(secret), codes.address_of(secret, name))

    def confirm(self, user_id: str, code: str) -> list[str]:
        """The app works: from now on logins ask for it. Gives the recovery codes, this once.

        Raises:
            Conflict: nothing was begun, or all is done already.
            InvalidRequest: the code is not right.
        """
        now = clock.now()
        with self._database.write() as session:
            row = repository.find(session, user_id)
            if row is None or row.confirmed_at is not None:
                raise Conflict("Nothing waits for a code. Begin anew.")
            step = codes.step_of(self._secret(row.salt), codes.plain(code), now, after=row.step)
            if step is None:
                raise InvalidRequest("The code is not right. Check that the phone's clock is.")
            row.confirmed_at, row.step = now, step
            record(session, Action.FACTOR_ENABLED, user_id, owner=user_id)
            return _new_recovery(session, user_id)

    def renew_recovery(self, user_id: str, password: str, code: str) -> list[str]:
        """Other recovery codes, in place of all there were. Raises as ``disable``."""
        stored = self._prove(user_id, password)
        with self._database.write() as session:
            self._same(session, user_id, stored)
            refusal = self.check(session, user_id, code)
            if refusal is None:
                record(session, Action.FACTOR_RECOVERY_RENEWED, user_id, owner=user_id)
                return _new_recovery(session, user_id)
        raise _own(refusal)

    def disable(self, user_id: str, password: str, code: str) -> None:
        """
        Raises:
            Conflict: there is none.
            Forbidden: the password or the code is not right.
            TooManyGuesses
        """
        stored = self._prove(user_id, password)
        with self._database.write() as session:
            self._same(session, user_id, stored)
            refusal = self.check(session, user_id, code)
            if refusal is None:
                repository.remove(session, user_id)
                record(session, Action.FACTOR_DISABLED, user_id, owner=user_id)
                return
        raise _own(refusal)

    # --- as an admin --------------------------------------------------------------------------------

    def remove(self, session: Session, user_id: str) -> None:
        """Also what was begun and not confirmed."""
        repository.remove(session, user_id)

    def everyone(self) -> frozenset[str]:
        """The ids of the users who have one."""
        with self._database.read() as session:
            return repository.everyone(session)

    # --- inside -------------------------------------------------------------------------------------

    def _secret(self, salt: str) -> bytes:
        return hmac.digest(self._key, salt.encode(), hashlib.sha256)[:20]

    def _prove(self, user_id: str, password: str) -> str:
        """The user's password as it is stored, where ``password`` is it."""
        with self._database.read() as session:
            stored = self._users.by_id(session, user_id).password
        if stored is None:
            raise Conflict("A second factor stands beside a password, and you have none.")
        if not self._passwords.matches(stored, password):
            raise Forbidden("The password is not right.")
        return stored

    def _same(self, session: Session, user_id: str, stored: str) -> None:
        if self._users.by_id(session, user_id).password != stored:
            raise Forbidden("The password is not right.")


def _new_recovery(session: Session, user_id: str) -> list[str]:
    made = [codes.new_recovery_code() for _ in range(_RECOVERY_CODES)]
    repository.replace_recovery(session, user_id, (codes.digest_of(user_id, code) for code in made))
    return made


def _own(refusal: TiroError) -> TiroError:
    """To somebody who is logged in, a wrong code is no reason to log in anew."""
    return Forbidden(refusal.message) if isinstance(refusal, Unauthorized) else refusal
