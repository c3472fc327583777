"""How long users want their recordings to be kept."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class RetentionTable(Table):
    """A user's own choice, in days; None where the server's holds."""

    __tablename__ = "retention"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    media_days: Mapped[int | None]
    recording_days: Mapped[int | None]
