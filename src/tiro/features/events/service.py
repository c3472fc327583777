"""Write to the log, and follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from sqlalchemy.orm import Session

from tiro.db.session import Database, after_commit
from tiro.db.tables.base import Json
from tiro.events.base import EventHub
from tiro.features.events import repository
from tiro.features.events.schemas import PASSING, Event, EventType
from tiro.kit import clock
from tiro.kit.signals import within

_POLL_SECONDS = 2.0
"""A lost hint costs no more than this."""

_PAGE = 500

_ANNOUNCED = "tiro.announced"


Line = tuple[EventType, Json]
"""What an event is, and what it says."""

Observer = Callable[[Session, str, Sequence[Line]], None]


class EventService:
    """The log of every recording.

    Args:
        observers: are told of each recording's new lines in the transaction that writes them.
    """

    def __init__(self, database: Database, hub: EventHub, observers: Sequence[Observer] = ()) -> None:
        self._database = database
        self._hub = hub
        self._observers = observers

    def append(self, session: Session, recording_id: str, kind: EventType, data: Json) -> None:
        """Write an event in the transaction of its cause; followers hear of it after the commit."""
        self.extend(session, recording_id, [(kind, data)])

    def extend(self, session: Session, recording_id: str, lines: Sequence[Line]) -> None:
        """Write several at once, in their order."""
        if not lines:
            return
        repository.append(session, recording_id, lines, clock.now())
        for observe in self._observers:
            observe(session, recording_id, lines)
        announced: set[str] = session.info.setdefault(_ANNOUNCED, set())
        if recording_id not in announced:
            announced.add(recording_id)
            after_commit(session, lambda: self._hub.announce(recording_id))

    def thin_out(self, session: Session, recording_id: str) -> None:
        """Drop what only told how far the work was, once it is over; the last of each kind stays."""
        repository.thin_out(session, recording_id, PASSING)

    def last(self, recording_id: str) -> int:
        """The number of the recording's last event; 0 where there is none."""
        with self._database.read() as session:
            return repository.last(session, recording_id)

    async def follow(self, recording_id: str, after: int) -> AsyncGenerator[list[Event]]:
        """Yield events after ``after`` as they come, in batches, never missing one; an empty batch says that
        nothing happened for a while. Ends when the server does."""
        async with self._hub.listen(recording_id) as hint:
            while not self._hub.closed:
                hint.clear()
                batch = await asyncio.to_thread(self._page, recording_id, after)
                if batch:
                    after = batch[-1].seq
                    yield batch
                    continue
                if not await within(hint, _POLL_SECONDS):
                    yield []

    def _page(self, recording_id: str, after: int) -> list[Event]:
        with self._database.read() as session:
            rows = repository.after(session, recording_id, after, _PAGE)
            return [
                Event.model_validate({"seq": row.seq, "type": row.type, "data": row.data}) for row in rows
            ]
