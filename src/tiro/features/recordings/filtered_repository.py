"""Lists by what is not in an index of its own: they cost as much as the user has recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, cast, func, literal, or_, select, true
from sqlalchemy.orm import Session

from tiro.db.tables import JobTable, RecordingTable, ShareTable, TagTable, TranscriptTable, UserTable
from tiro.db.texts import texts_of
from tiro.features.recordings.repository import Listed, shown


def ids(
    user_id: str,
    *,
    status: str | None,
    title: str | None,
    tags: Sequence[str],
    language: str | None,
    speaker: str | None,
    since: datetime | None,
    before: datetime | None,
    held: bool | None,
    own: bool,
    groups: Sequence[str] | None,
) -> Select[tuple[str]]:
    """The ids of recordings that have all that is said.

    Args:
        tags: their folded names; all of them are needed.
        speaker: a name that somebody gave to a voice, in whatever case.
        groups: those that the user is in, where what others share counts.
    """
    whose = [RecordingTable.owner_id == user_id] if own else []
    if groups is not None:
        with_them = or_(ShareTable.user_id == user_id, ShareTable.group_id.in_(groups))
        shared = select(ShareTable.recording_id).where(with_them, ShareTable.owner_id != user_id)
        whose.append(RecordingTable.id.in_(shared))
    query = (
        select(RecordingTable.id.label("recording_id"))
        .join(JobTable, (JobTable.recording_id == RecordingTable.id) & JobTable.latest)
        .where(or_(*whose))
    )
    if status is not None:
        query = query.where(JobTable.state == status)
    if title is not None:
        query = query.where(func.lower(RecordingTable.title).contains(title.lower(), autoescape=True))
    for folded in tags:
        tagged = select(TagTable.recording_id).where(TagTable.folded == folded)
        query = query.where(RecordingTable.id.in_(tagged))
    if language is not None:
        said = TranscriptTable.summary["language"].as_string() == language
        spoken = select(TranscriptTable.recording_id).where(TranscriptTable.current, said)
        query = query.where(RecordingTable.id.in_(spoken))
    if speaker is not None:
        named = texts_of(TranscriptTable.speakers).table_valued("key", "value")
        heard = select(TranscriptTable.recording_id).join(named, true())
        is_it = func.lower(named.c.value) == speaker.lower()
        query = query.where(RecordingTable.id.in_(heard.where(TranscriptTable.current, is_it)))
    if since is not None:
        query = query.where(RecordingTable.created_at >= since)
    if before is not None:
        query = query.where(RecordingTable.created_at < before)
    if held is not None:
        query = query.where(RecordingTable.held_at.is_not(None) == held)
    return query


def page(
    session: Session, user_id: str, found: Select[tuple[str]], order: str, limit: int, offset: int
) -> Sequence[Listed]:
    """A page of what ``ids`` found, as the user is shown it."""
    newest = RecordingTable.id.desc()
    by = {
        "newest": (newest,),
        "oldest": (RecordingTable.id.asc(),),
        "title": (func.lower(RecordingTable.title), newest),
    }[order]
    chosen = found.order_by(*by).limit(limit).offset(offset).subquery()
    # Of the two names the first in the alphabet may more.
    role = select(func.min(ShareTable.role)).where(ShareTable.recording_id == RecordingTable.id)
    statement = (
        shown(chosen, RecordingTable.owner_id, UserTable.name, role.scalar_subquery(), literal(user_id))
        .join(UserTable, UserTable.id == RecordingTable.owner_id)
        .order_by(None)
        .order_by(*by)
    )
    return [_listed(row) for row in session.execute(statement)]


def count(session: Session, found: Select[tuple[str]]) -> int:
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def speakers(session: Session, owner_id: str) -> Sequence[tuple[str, int]]:
    """The names that were given to voices in an owner's recordings, and in how many each is heard."""
    named = texts_of(TranscriptTable.speakers).table_valued("key", "value")
    name = cast(named.c.value, String)
    heard = (
        select(name.label("name"), func.lower(name).label("folded"), TranscriptTable.recording_id)
        .select_from(TranscriptTable)
        .join(named, true())
        .join(RecordingTable, RecordingTable.id == TranscriptTable.recording_id)
        .where(TranscriptTable.current, RecordingTable.owner_id == owner_id)
        .subquery()
    )
    query = select(
        func.min(heard.c.name), func.count(heard.c.recording_id.distinct()), heard.c.folded
    ).group_by(heard.c.folded)
    found = session.execute(query).tuples()
    return [(name, count) for name, count, _ in sorted(found, key=lambda row: row[2])]


def languages(session: Session, owner_id: str) -> Sequence[tuple[str, int]]:
    """The codes of the languages of an owner's recordings, and how many are in each; most first."""
    spoken = (
        select(TranscriptTable.summary["language"].as_string().label("language"))
        .join(RecordingTable, RecordingTable.id == TranscriptTable.recording_id)
        .where(TranscriptTable.current, RecordingTable.owner_id == owner_id)
        .subquery()
    )
    query = (
        select(spoken.c.language, func.count())
        .where(spoken.c.language.is_not(None))
        .group_by(spoken.c.language)
        .order_by(func.count().desc(), spoken.c.language)
    )
    return [(code, count) for code, count in session.execute(query).tuples()]


def _listed(row: Any) -> Listed:
    *columns, owner_id, owner, role, user_id = row
    listed = Listed(*columns)
    return listed if owner_id == user_id else listed._replace(owner=owner, role=role)
