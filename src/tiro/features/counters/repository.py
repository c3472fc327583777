"""Rows of counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db.tables import CounterTable


def add(session: Session, amounts: Mapping[tuple[str, str], float]) -> None:
    """Add to counters, by metric and label; in one order, so that two who write never wait for each other."""
    rows = [
        {"metric": str(metric), "label": label, "value": amount}
        for (metric, label), amount in sorted(amounts.items())
    ]
    if rows:
        session.execute(_add(session.get_bind().dialect.name), rows)


@cache
def _add(database: str) -> Insert:
    table = CounterTable.metadata.tables[CounterTable.__tablename__]
    row = (postgresql if database == "postgresql" else sqlite).insert(table)
    total = table.c.value + row.excluded.value
    added: Insert = row.on_conflict_do_update(index_elements=["metric", "label"], set_={"value": total})
    return added


def all_of(session: Session) -> Sequence[CounterTable]:
    return session.scalars(select(CounterTable).order_by(CounterTable.metric, CounterTable.label)).all()
