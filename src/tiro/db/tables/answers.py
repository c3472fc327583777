"""Answers that are kept under an Idempotency-Key, to be given again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class KeptAnswerTable(Table):
    """A request that came with an Idempotency-Key; a row whose ``until`` is past counts as none.

    ``id`` and ``fingerprint`` (of the request) are keyed digests. While the request is under way, ``answer``
    is None, ``attempt`` tells whose turn it is, and ``until`` is its lease. Then ``answer`` is what was
    answered, sealed so that nobody opens it without the Idempotency-Key.
    """

    __tablename__ = "kept_answers"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    attempt: Mapped[str]
    fingerprint: Mapped[str]
    until: Mapped[datetime] = mapped_column(index=True)
    answer: Mapped[bytes | None]
