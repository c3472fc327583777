"""Users: to whom keys and recordings belong."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class UserTable(Table):
    """A person. ``role`` is ``admin`` or ``user``. ``password`` is Argon2's own text, with its salt and
    parameters; None where they have none. ``recordings`` counts theirs: counting rows for every page of a
    long list would take longer than the page."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password: Mapped[str | None] = mapped_column(default=None)
    recordings: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
