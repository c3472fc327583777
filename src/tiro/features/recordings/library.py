"""Find recordings among many, and put them in order: lists, titles, tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.errors import InvalidRequest, NotFound
from tiro.features.audit.service import Action, record
from tiro.features.recordings import filtered_repository, repository, shared_repository, shown
from tiro.features.recordings.asked import clean_name
from tiro.features.recordings.repository import Listed
from tiro.features.recordings.schemas import SessionListItem, SessionPage, SharedFilter
from tiro.features.sharing.service import SharingService
from tiro.features.tags.service import TagService, folded

Order = Literal["newest", "oldest", "title"]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shall have of all; None is for whatever there is. ``since`` and ``before`` are of the
    moment in which a recording came in; ``title`` is found within titles, in whatever case; ``speaker`` is
    the name that somebody gave to a voice."""

    status: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    speaker: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    held: bool | None = None
    order: Order = "newest"

    @property
    def simple(self) -> bool:
        """Whether it is one of the lists that an index has ready."""
        return self == Filter(status=self.status)


class LibraryService:
    """A user's recordings, and those that others share with them."""

    def __init__(self, database: Database, sharing: SharingService, tags: TagService) -> None:
        self._database = database
        self._sharing = sharing
        self._tags = tags

    def page(
        self, user_id: str, wanted: Filter, limit: int, offset: int, shared: SharedFilter = "false"
    ) -> SessionPage:
        """The user's recordings, what others share with them (``true``), or both (``all``)."""
        with self._database.read() as session:
            if not wanted.simple:
                rows, total = self._filtered(session, user_id, wanted, limit, offset, shared)
            elif shared == "false":
                rows = repository.page(session, user_id, wanted.status, limit, offset)
                total = repository.count(session, user_id, wanted.status)
            else:
                rows, total = self._shared(
                    session, user_id, wanted.status, limit, offset, own=shared == "all"
                )
            tags = self._tags.of(session, [row.id for row in rows])
        items = [shown.list_item(row._replace(tags=tuple(tags.get(row.id, ())))) for row in rows]
        return SessionPage(items=items, total=total, limit=limit, offset=offset)

    def some(self, user_id: str, ids: Sequence[str]) -> list[SessionListItem]:
        """Those of the recordings that are there and the user's own, as the list has them."""
        with self._database.read() as session:
            rows = repository.some(session, user_id, ids)
            tags = self._tags.of(session, [row.id for row in rows])
        return [shown.list_item(row._replace(tags=tuple(tags.get(row.id, ())))) for row in rows]

    def tags(self, user_id: str) -> Sequence[tuple[str, int]]:
        """All tags of the user's recordings, and how many have each."""
        with self._database.read() as session:
            return self._tags.counted(session, user_id)

    def speakers(self, user_id: str) -> Sequence[tuple[str, int]]:
        """The names that were given to voices in the user's recordings, and in how many each is heard."""
        with self._database.read() as session:
            return filtered_repository.speakers(session, user_id)

    def languages(self, user_id: str) -> Sequence[tuple[str, int]]:
        """The codes of the languages of the user's recordings, and how many are in each."""
        with self._database.read() as session:
            return filtered_repository.languages(session, user_id)

    def change(self, recording_id: str, title: str | None, tags: Sequence[str] | None) -> None:
        """Give a recording another title or other tags; what is None stays.

        Raises:
            InvalidRequest: the title is empty, or a tag is none.
        """
        with self._database.write() as session:
            recording = repository.get(session, recording_id)
            if recording is None:
                raise NotFound("There is no recording with this id.")
            changed = [name for name, value in (("title", title), ("tags", tags)) if value is not None]
            if title is not None:
                if not (cleaned := clean_name(" ".join(title.split()))):
                    raise InvalidRequest("title: it must have more than spaces.")
                recording.title = cleaned
            if tags is not None:
                self._tags.put(session, recording, tags)
            if changed:
                record(
                    session, Action.RECORDING_CHANGED, recording_id, owner=recording.owner_id, changed=changed
                )

    def _shared(
        self, session: Session, user_id: str, status: str | None, limit: int, offset: int, *, own: bool
    ) -> tuple[Sequence[Listed], int]:
        groups = self._sharing.groups_of(session, user_id)
        rows = shared_repository.page(
            session, user_id, groups, own=own, status=status, limit=limit, offset=offset
        )
        total = shared_repository.count(session, user_id, groups, status)
        return rows, total + (repository.count(session, user_id, status) if own else 0)

    def _filtered(
        self,
        session: Session,
        user_id: str,
        wanted: Filter,
        limit: int,
        offset: int,
        shared: SharedFilter,
    ) -> tuple[Sequence[Listed], int]:
        found = filtered_repository.ids(
            user_id,
            status=wanted.status,
            title=wanted.title,
            tags=[folded(name) for name in wanted.tags],
            language=wanted.language,
            speaker=wanted.speaker,
            since=wanted.since,
            before=wanted.before,
            held=wanted.held,
            own=shared != "true",
            groups=self._sharing.groups_of(session, user_id) if shared != "false" else None,
        )
        rows = filtered_repository.page(session, user_id, found, wanted.order, limit, offset)
        return rows, filtered_repository.count(session, found)
