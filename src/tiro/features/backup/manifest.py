"""What an archive says of itself, before all else."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from tiro.errors import BackupDamaged, BackupTooNew
from tiro.features.backup.portable import Kind

FORMAT = 1

Where = Literal["carried", "left out", "set elsewhere", "none"]


_UNREADABLE = "The backup is damaged: its beginning cannot be read. Nothing was changed."


class TableHead(BaseModel):
    """One table: how many rows are carried, and what its columns hold, in the order of a row's values."""

    name: str
    rows: int = Field(ge=0)
    columns: dict[str, Kind]


class Head(BaseModel):
    """The first member of an archive.

    ``database`` is the kind that it was made of. ``sequences`` are the greatest numbers given so far, by
    ``table.column``. ``files`` and ``bytes`` are those of all recordings that have a file. ``secret_mark``
    tells whether two servers have the same secret, and nothing else of it.
    """

    format: int
    release: str
    schema_revision: str
    created_at: datetime
    database: str
    tables: list[TableHead]
    sequences: dict[str, Annotated[int, Field(ge=0, lt=2**63)]]
    media: Literal["carried", "elsewhere"]
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)
    secrets: Where
    secret_mark: str | None

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


def read_head(data: bytes) -> Head:
    """Raises BackupTooNew where a later release has written it in another form, BackupDamaged."""
    try:
        format_, release = (found := json.loads(data))["format"], found["release"]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise BackupDamaged(_UNREADABLE) from err
    if isinstance(format_, int) and format_ > FORMAT:
        raise BackupTooNew(
            f"The backup was made by Tiro {release}, which is newer. Install that; nothing was changed."
        )
    try:
        return Head.model_validate(found)
    except ValidationError as err:
        raise BackupDamaged(_UNREADABLE) from err
