"""Rows of counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tiro.db.tables import CounterTable


def add(session: Session, amounts: Mapping[tuple[str, str], float]) -> None:
    """Add to counters, by metric and label; in one order, so that two who write never wait for each other."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for (metric, label), amount in sorted(amounts.items()):
        row = dialect.insert(CounterTable).values(metric=metric, label=label, value=amount)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["metric", "label"],
                set_={"value": CounterTable.value + row.excluded.value},
            )
        )


def all_of(session: Session) -> Sequence[CounterTable]:
    return session.scalars(select(CounterTable).order_by(CounterTable.metric, CounterTable.label)).all()
