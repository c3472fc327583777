"""Sums of whole numbers."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, cast, func
from sqlalchemy.sql.roles import ExpressionElementRole


def whole_sum(column: ExpressionElementRole[int]) -> ColumnElement[int]:
    """As an int on every database: PostgreSQL sums bytes as decimals. NULL where there is none."""
    return cast(func.sum(column), BigInteger)
