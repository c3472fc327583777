"""Say something of a recording, change it, and take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables import CommentTable
from tiro.errors import Forbidden, InvalidRequest, NotFound
from tiro.events.base import EventHub
from tiro.features.audit.service import Action, record
from tiro.features.comments import repository
from tiro.kit import clock
from tiro.kit.ids import uuid7

MOST = 10_000
"""Of one recording."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many comments there are, how many of them are dealt with, and when anything happened last."""

    count: int
    resolved: int
    moments: tuple[datetime | None, ...]


Authored = tuple[CommentTable, str | None]
"""A comment and its author's name; None where they are gone."""


class CommentService:
    """Comments. Whether the caller may comment the recording is for the caller to check."""

    def __init__(self, database: Database, hub: EventHub) -> None:
        self._database = database
        self._hub = hub

    def page(self, recording_id: str, after: str | None, limit: int) -> Sequence[Authored]:
        """Oldest first, those after the comment ``after``."""
        with self._database.read() as session:
            return repository.page(session, recording_id, after, limit)

    def standing(self, recording_id: str) -> Standing:
        """How things stand; it is another one whenever anything about the comments is."""
        with self._database.read() as session:
            count, resolved, *moments = repository.standing(session, recording_id)
        return Standing(count, resolved, tuple(moments))

    def add(self, recording_id: str, user_id: str, text: str, at: float | None) -> Authored:
        """Raises InvalidRequest where the text is empty or there are too many already."""
        text = _text(text)
        with self._database.write() as session:
            owner_id = _owner(session, recording_id)
            if repository.count(session, recording_id) >= MOST:
                raise InvalidRequest(f"A recording can have {MOST} comments at most.")
            comment = self.keep(session, recording_id, user_id, text, at, owner_id=owner_id)
            return comment, repository.name_of(session, user_id)

    def keep(
        self, session: Session, recording_id: str, user_id: str, text: str, at: float | None, *, owner_id: str
    ) -> CommentTable:
        """In the transaction of whoever knows that all is well. Raises InvalidRequest where the text is
        empty."""
        comment = CommentTable(
            id=str(uuid7()),
            recording_id=recording_id,
            user_id=user_id,
            at=at,
            text=_text(text),
            created_at=clock.now(),
        )
        repository.add(session, comment)
        record(session, Action.COMMENT_CREATED, recording_id, owner=owner_id, comment_id=comment.id)
        self._tell(session, recording_id)
        return comment

    def change(
        self, recording_id: str, comment_id: str, user_id: str, text: str | None, resolved: bool | None
    ) -> Authored:
        """Give a comment another text, which its author alone may; or say that it is dealt with, or not.

        Raises:
            NotFound, Forbidden, InvalidRequest
        """
        with self._database.write() as session:
            comment = self._get(session, recording_id, comment_id)
            now = clock.now()
            if text is not None:
                if comment.user_id != user_id:
                    raise Forbidden("Only who wrote a comment may change its text. Write one of your own.")
                comment.text, comment.changed_at = _text(text), now
            if resolved is not None:
                comment.resolved_at = (comment.resolved_at or now) if resolved else None
            owner_id = _owner(session, recording_id)
            record(session, Action.COMMENT_CHANGED, recording_id, owner=owner_id, comment_id=comment_id)
            self._tell(session, recording_id)
            return comment, repository.name_of(session, comment.user_id)

    def remove(self, recording_id: str, comment_id: str, user_id: str) -> None:
        """Its author may, and the recording's owner. Raises NotFound, Forbidden."""
        with self._database.write() as session:
            comment = self._get(session, recording_id, comment_id)
            owner_id = _owner(session, recording_id)
            if user_id not in {comment.user_id, owner_id}:
                raise Forbidden("Only who wrote a comment may remove it, and the owner of the recording.")
            repository.remove(session, comment)
            record(session, Action.COMMENT_REMOVED, recording_id, owner=owner_id, comment_id=comment_id)
            self._tell(session, recording_id)

    def _tell(self, session: Session, recording_id: str) -> None:
        after_commit(session, lambda: self._hub.announce(recording_id))

    def _get(self, session: Session, recording_id: str, comment_id: str) -> CommentTable:
        comment = repository.get(session, recording_id, comment_id)
        if comment is None:
            raise NotFound("This recording has no comment with this id.")
        return comment


def _owner(session: Session, recording_id: str) -> str:
    """It may have been deleted since the caller's right was checked."""
    if (owner_id := repository.owner_of(session, recording_id)) is None:
        raise NotFound("There is no recording with this id.")
    return owner_id


def _text(text: str) -> str:
    """As it was written, line breaks included, without what no screen shows."""
    shown = "".join(char for char in text if char.isprintable() or char in "\n\t").strip()
    if not shown:
        raise InvalidRequest("text: a comment must have more than spaces.")
    return shown
