"""Second factors: what shows, beside a password, that it is the person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class SecondFactorTable(Table):
    """A user's authenticator app. Its secret is derived from ``salt`` and the server's own, so that the
    database alone makes no code. ``step`` is that of the last code that was used, in periods of 30 s since
    1970; ``failures`` counts the wrong codes since."""

    __tablename__ = "second_factors"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    salt: Mapped[str]
    confirmed_at: Mapped[datetime | None]
    step: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[datetime | None] = mapped_column(default=None)


class RecoveryCodeTable(Table):
    """A code that stands in for the app, once; it is deleted with its use."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class LoginChallengeTable(Table):
    """A login that has seen the password and waits for a code; ``guesses`` counts the wrong ones."""

    __tablename__ = "login_challenges"

    digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    guesses: Mapped[int] = mapped_column(default=0)
