"""Models of speech on their way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class ModelDownloadTable(Table):
    """A model that a server fetches, or failed to fetch: then there is an ``error``. One that arrived, or
    that somebody stopped, has no row. ``holder`` is the attempt that may write here; while it lives,
    ``seen_at`` is fresh. ``done`` and ``total`` are bytes; the hub tells the latter."""

    __tablename__ = "model_downloads"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    host: Mapped[str]
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
