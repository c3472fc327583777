"""What has been counted since the database was made."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class CounterTable(Table):
    """One counter: a metric, and the one label by which it is told apart ("" where it has none)."""

    __tablename__ = "counters"

    metric: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
