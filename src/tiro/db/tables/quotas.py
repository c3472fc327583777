"""What users may have, and what they have had today."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class QuotaTable(Table):
    """What an admin has set for one user: None where the default holds, 0 is no limit."""

    __tablename__ = "quotas"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    storage: Mapped[int | None] = mapped_column(BigInteger)
    minutes: Mapped[float | None]
    jobs: Mapped[int | None]
    uploads: Mapped[int | None]


class AudioDayTable(Table):
    """Seconds of audio that a user sent in on one day, as it is in UTC: ``2026-01-31``. Recordings that are
    deleted have been transcribed all the same."""

    __tablename__ = "audio_days"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[float]
