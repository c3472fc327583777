"""What the database knows of its own schema."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from tiro.db.tables.base import Table


class SchemaTable(Table):
    """The one row says which releases may use the database: those that know the schema ``oldest``, or a later
    one. Beside it ``alembic_version`` says which schema it has. Every release reads it, so it never changes
    its shape."""

    __tablename__ = "schema"

    oldest: Mapped[str] = mapped_column(primary_key=True)
