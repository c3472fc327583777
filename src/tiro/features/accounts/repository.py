"""Rows of logins, of their refresh tokens, and of links that set a password."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from tiro.db.tables import LoginChallengeTable, LoginTable, PasswordLinkTable, RefreshTokenTable, UserTable


class ActiveLogin(NamedTuple):
    user_id: str
    name: str
    role: str


# Built once, for it runs with every request.
_ACTIVE = (
    select(UserTable.id, UserTable.name, UserTable.role)
    .join(LoginTable, LoginTable.user_id == UserTable.id)
    .where(
        LoginTable.id == bindparam("login"),
        LoginTable.revoked_at.is_(None),
        LoginTable.expires_at > bindparam("now"),
        UserTable.disabled_at.is_(None),
    )
)


def active(session: Session, login_id: str, now: datetime) -> ActiveLogin | None:
    """Whose login it is; None where it has ended or its user is disabled."""
    row = session.execute(_ACTIVE, {"login": login_id, "now": now}).one_or_none()
    return None if row is None else ActiveLogin(*row)


def add(session: Session, row: LoginTable | RefreshTokenTable) -> None:
    session.add(row)
    session.flush()


def login(session: Session, login_id: str) -> LoginTable | None:
    return session.get(LoginTable, login_id)


def refresh_token(session: Session, digest: str) -> RefreshTokenTable | None:
    return session.get(RefreshTokenTable, digest)


def revoke(session: Session, login_id: str, at: datetime) -> None:
    revoke_where = update(LoginTable).where(LoginTable.id == login_id, LoginTable.revoked_at.is_(None))
    session.execute(revoke_where.values(revoked_at=at))


def revoke_all(session: Session, user_id: str, at: datetime) -> None:
    revoke_where = update(LoginTable).where(LoginTable.user_id == user_id, LoginTable.revoked_at.is_(None))
    session.execute(revoke_where.values(revoked_at=at))


def forget_ended(session: Session, user_id: str, now: datetime) -> None:
    """Delete the user's logins whose tokens are all past."""
    session.execute(delete(LoginTable).where(LoginTable.user_id == user_id, LoginTable.expires_at <= now))


def put_link(session: Session, user_id: str, digest: str, expires_at: datetime) -> None:
    """In place of one that is there."""
    session.merge(PasswordLinkTable(user_id=user_id, digest=digest, expires_at=expires_at))


def take_link(session: Session, digest: str, now: datetime) -> str | None:
    """Use the link up: the id of the user whose password it sets; None where there is no such link."""
    taken = (
        delete(PasswordLinkTable)
        .where(PasswordLinkTable.digest == digest, PasswordLinkTable.expires_at > now)
        .returning(PasswordLinkTable.user_id)
    )
    return session.scalar(taken)


def drop_link(session: Session, user_id: str) -> None:
    session.execute(delete(PasswordLinkTable).where(PasswordLinkTable.user_id == user_id))


def add_challenge(session: Session, user_id: str, digest: str, expires_at: datetime, now: datetime) -> None:
    """Beside the user's others; those that are past go."""
    table = LoginChallengeTable
    session.execute(delete(table).where(table.user_id == user_id, table.expires_at <= now))
    session.add(table(digest=digest, user_id=user_id, expires_at=expires_at, guesses=0))
    session.flush()


def guess(session: Session, digest: str, now: datetime, most: int) -> str | None:
    """Count a guess: whose challenge it is; None where there is none, or it had ``most`` already."""
    table = LoginChallengeTable
    change = update(table).where(table.digest == digest, table.expires_at > now, table.guesses < most)
    return session.scalar(change.values(guesses=table.guesses + 1).returning(table.user_id))


def drop_challenge(session: Session, digest: str) -> None:
    session.execute(delete(LoginChallengeTable).where(LoginChallengeTable.digest == digest))


def drop_challenges(session: Session, user_id: str) -> None:
    session.execute(delete(LoginChallengeTable).where(LoginChallengeTable.user_id == user_id))


def anyone_has_password(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(UserTable.password.is_not(None)))))
