"""How loud recordings are over time."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class PeaksTable(Table):
    """One byte for each of equal stretches of a recording: its loudest sample, 255 where it is full scale.

    A row of some kilobytes and no file: it goes with its recording in the same transaction, wherever the
    files are.
    """

    __tablename__ = "peaks"

    recording_id: Mapped[str] = mapped_column(
        ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    )
    duration: Mapped[float] = mapped_column(Float)
    points: Mapped[bytes] = mapped_column(LargeBinary)
