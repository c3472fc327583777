"""Follow all recordings of a user at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.events.base import EventHub
from tiro.features.events.service import Line
from tiro.features.feed import repository
from tiro.features.feed.schemas import Counts
from tiro.features.jobs.states import JobState
from tiro.features.recordings.library import Filter, LibraryService
from tiro.features.recordings.schemas import SessionListItem
from tiro.kit.signals import within

_POLL_SECONDS = 2.0
"""A lost hint costs no more than this."""
_PACE_SECONDS = 0.2
"""The rows are not looked at more often, however much happens."""
_HINTED = "tiro.hinted"
_WATCHED = 100
"""Of those that run, and of those that wait, so many of the newest are told of as they change."""


class OwnerHints:
    """Tells an owner's followers that something happened to one of their recordings."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub

    def observe(self, session: Session, recording_id: str, _lines: Sequence[Line]) -> None:
        """To be told of all lines of the event log."""
        hinted: set[str] = session.info.setdefault(_HINTED, set())
        if recording_id in hinted:
            return
        hinted.add(recording_id)
        owner_id = repository.owner(session, recording_id)
        if owner_id is not None:
            after_commit(session, lambda: self._hub.announce(owner_id))


@dataclass(slots=True)
class _Watch:
    """What a follower has been told."""

    active: dict[str, SessionListItem] = field(default_factory=dict)
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What is otherwise than at the last look; ``counts`` is None where nothing is."""

    recordings: list[SessionListItem] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    counts: Counts | None = None


class FeedService:
    def __init__(self, database: Database, hub: EventHub, library: LibraryService) -> None:
        self._database = database
        self._hub = hub
        self._library = library

    async def follow(self, user_id: str, seconds: float) -> AsyncGenerator[Changes]:
        """Yield how things stand, and then what changes, for so long; changes of nothing say that nothing
        happened for a while. Ends when the server does."""
        watch = _Watch()
        until = time.monotonic() + seconds
        async with self._hub.listen(user_id) as hint:
            while not self._hub.closed:
                hint.clear()
                yield await asyncio.to_thread(self._look, user_id, watch)
                if until - time.monotonic() <= _PACE_SECONDS:
                    return
                # What comes meanwhile is looked at right after it.
                await asyncio.sleep(_PACE_SECONDS)
                left = until - time.monotonic()
                await within(hint, max(0.0, min(left, _POLL_SECONDS)))

    def _look(self, user_id: str, watch: _Watch) -> Changes:
        active: dict[str, SessionListItem] = {}
        for state in (JobState.RUNNING, JobState.QUEUED):
            page = self._library.page(user_id, Filter(status=state), _WATCHED, 0)
            active |= {item.session_id: item for item in page.items}
        # Those that were active have ended, or wait further back in the queue than we look.
        left = [session_id for session_id in watch.active if session_id not in active]
        found = self._library.some(user_id, left)
        changed = [item for item in active.values() if watch.active.get(item.session_id) != item]
        changed += [item for item in found if item.status != "queued"]
        known = {item.session_id for item in found}
        watch.active = active
        with self._database.read() as session:
            counts = Counts.model_validate(repository.counts(session, user_id))
        told, watch.counts = watch.counts, counts
        return Changes(
            recordings=changed,
            removed=[session_id for session_id in left if session_id not in known],
            counts=None if counts == told else counts,
        )
