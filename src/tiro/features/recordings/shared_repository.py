"""Lists of what others share with a user, alone or together with what is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, literal_column, or_, select, true, union
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import SelectBase

from tiro.db.tables import JobTable, RecordingTable, ShareTable, UserTable
from tiro.features.recordings.repository import Listed, shown

_MOST_GROUPS = 100
"""A statement has one part for each; whoever is in more waits for a sort."""


def page(
    session: Session,
    user_id: str,
    groups: Sequence[str],
    *,
    own: bool,
    status: str | None,
    limit: int,
    offset: int,
) -> Sequence[Listed]:
    """What is shared with the user or one of their ``groups``, newest first; with ``own``, theirs too."""
    statement = _page(len(groups) if len(groups) <= _MOST_GROUPS else -1, own, status is not None)
    values = _values(user_id, groups, status) | {"limit": limit, "offset": offset}
    return [_listed(row) for row in session.execute(statement, values)]


def count(session: Session, user_id: str, groups: Sequence[str], status: str | None) -> int:
    """How many others share with the user."""
    statement = _count(len(groups) if len(groups) <= _MOST_GROUPS else -1, status is not None)
    return session.scalar(statement, _values(user_id, groups, status)) or 0


def _listed(row: Any) -> Listed:
    *columns, owner_id, owner, role, user_id = row
    listed = Listed(*columns)
    return listed if owner_id == user_id else listed._replace(owner=owner, role=role)


def _values(user_id: str, groups: Sequence[str], status: str | None) -> dict[str, Any]:
    named = {f"group_{number}": group for number, group in enumerate(groups[:_MOST_GROUPS])}
    return {"user": user_id, "groups": list(groups), "status": status} | named


@lru_cache(maxsize=64)
def _page(groups: int, own: bool, by_status: bool) -> Select[Any]:
    parts = _parts(groups, by_status)
    if own:
        mine = [JobTable.user_id == bindparam("user"), JobTable.latest == true()]
        if by_status:
            mine.append(JobTable.state == bindparam("status"))
        parts.append(select(JobTable.recording_id).where(*mine))
    newest: CompoundSelect[Any] = union(*parts).order_by(literal_column("recording_id").desc())
    chosen = newest.limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    with_them = or_(
        ShareTable.user_id == bindparam("user"), ShareTable.group_id.in_(bindparam("groups", expanding=True))
    )
    # Of the two names the first in the alphabet may more.
    role = select(func.min(ShareTable.role)).where(ShareTable.recording_id == RecordingTable.id, with_them)
    return shown(
        chosen,
        RecordingTable.owner_id,
        UserTable.name,
        role.scalar_subquery(),
        bindparam("user").label("asks"),
    ).join(UserTable, UserTable.id == RecordingTable.owner_id)


@lru_cache(maxsize=64)
def _count(groups: int, by_status: bool) -> Select[Any]:
    return select(func.count()).select_from(union(*_parts(groups, by_status)).subquery())


def _parts(groups: int, by_status: bool) -> list[SelectBase]:
    """One for the user and one for each group, each in the order of an index, so that they are merged and not
    sorted."""
    withs = [ShareTable.user_id == bindparam("user")]
    if groups < 0:
        withs.append(ShareTable.group_id.in_(bindparam("groups", expanding=True)))
    else:
        withs += [ShareTable.group_id == bindparam(f"group_{number}") for number in range(groups)]
    return [_part(condition, by_status) for condition in withs]


def _part(condition: Any, by_status: bool) -> Select[tuple[str]]:
    # One's own recording may be shared with a group that one is in.
    query = select(ShareTable.recording_id).where(condition, ShareTable.owner_id != bindparam("user"))
    if by_status:
        query = query.join(
            JobTable, (JobTable.recording_id == ShareTable.recording_id) & JobTable.latest
        ).where(JobTable.state == bindparam("status"))
    return query
