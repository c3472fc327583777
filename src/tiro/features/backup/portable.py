"""Rows as any database can take them: lines of JSON, each a list of values in the order of the columns.

JSON columns are carried as the text that the database has: a row without a value and one whose value is
``null`` are two things, and stay so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    String,
    Text,
    cast,
)
from sqlalchemy.types import TypeEngine, UserDefinedType

from tiro.db.tables.base import PlainText, UtcDateTime
from tiro.errors import BackupDamaged


class Kind(StrEnum):
    """What a column holds, in words that no database has for itself."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    JSON = "json"
    BYTES = "bytes"


class _JsonText(UserDefinedType[str]):
    """JSON that is text already, and goes into a column of JSON as it is."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (PlainText, Kind.TEXT),
    (UtcDateTime, Kind.MOMENT),
    (JSON, Kind.JSON),
    (Boolean, Kind.BOOLEAN),
    (Integer, Kind.INTEGER),
    (Float, Kind.NUMBER),
    (String, Kind.TEXT),
    (LargeBinary, Kind.BYTES),
)
_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: PlainText(),
    Kind.INTEGER: BigInteger(),
    Kind.NUMBER: Float(),
    Kind.BOOLEAN: Boolean(),
    Kind.MOMENT: UtcDateTime(),
    Kind.JSON: _JsonText(),
    Kind.BYTES: LargeBinary(),
}


def kind_of(column: Column[Any]) -> Kind:
    """Raises LookupError for a type that a backup would not know how to carry."""
    for known, kind in _KINDS:
        if isinstance(column.type, known):
            return kind
    raise LookupError(f"a backup cannot carry {column.table.name}.{column.name}, which is {column.type!r}")


def type_of(kind: Kind) -> TypeEngine[Any]:
    """The type with which decoded values are given to a database."""
    return _TYPES[kind]


def selected(column: Column[Any]) -> ColumnElement[Any]:
    """The column as ``encode`` wants it."""
    return cast(column, Text) if kind_of(column) is Kind.JSON else column


def encoder(kinds: Sequence[Kind]) -> Callable[[Sequence[Any]], str]:
    """A function that makes a line, without its end, of the values of a row."""
    special = [(i, _WRITE[kind]) for i, kind in enumerate(kinds) if kind in _WRITE]

    def encode(row: Sequence[Any]) -> str:
        values = list(row)
        for i, write in special:
            if values[i] is not None:
                values[i] = write(values[i])
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    return encode


def decoder(kinds: Sequence[Kind]) -> Callable[[bytes], list[Any]]:
    """A function that makes the values of a row of a line.

    Raises:
        BackupDamaged: by that function, where the line holds anything else.
    """
    expected = [_EXPECTED[kind] for kind in kinds]
    special = [(i, _READ[kind]) for i, kind in enumerate(kinds) if kind in _READ]

    def decode(line: bytes) -> list[Any]:
        try:
            values = json.loads(line)
            if not isinstance(values, list) or len(values) != len(expected):
                raise TypeError
            for value, wanted in zip(values, expected, strict=True):
                if value is not None and type(value) not in wanted:
                    raise TypeError
            for i, read in special:
                if values[i] is not None:
                    values[i] = read(values[i])
        except (ValueError, TypeError, RecursionError) as err:
            raise BackupDamaged("The backup is damaged: a row cannot be read. Nothing was changed.") from err
        return values

    return decode


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


_WRITE: dict[Kind, Callable[[Any], Any]] = {
    Kind.MOMENT: lambda value: value.isoformat(),
    Kind.BYTES: lambda value: base64.b64encode(value).decode(),
}
_READ: dict[Kind, Callable[[Any], Any]] = {
    Kind.MOMENT: _moment,
    Kind.BYTES: lambda value: base64.b64decode(value, validate=True),
}
_EXPECTED: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (float, int),
    Kind.BOOLEAN: (bool,),
    Kind.MOMENT: (str,),
    Kind.JSON: (str,),
    Kind.BYTES: (str,),
}
