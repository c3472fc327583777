"""Who does a round: whoever comes first, and nobody else until the next is due."""

from __future__ import annotations

from tiro.db.session import Database
from tiro.features.rounds import repository

_LONGEST = 600.0
"""Seconds after which a round that was begun counts as broken off."""


class RoundService:
    """Rounds of one database. Each change is one statement that names what it relies on, so that others may
    write meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[str] = set()

    def take(self, name: str, seconds: float) -> bool:
        """Whether the caller is the one to do the round now. If its process dies, another does it in time."""
        with self._database.write(shared=True) as session:
            if name not in self._known:
                repository.add(session, name)
            taken = repository.take(session, name, max(seconds, _LONGEST))
        self._known.add(name)
        return taken

    def done(self, name: str, seconds: float) -> None:
        """The next one is due in ``seconds``."""
        with self._database.write(shared=True) as session:
            repository.put_off(session, name, seconds)

    def recover(self) -> None:
        """Begin all anew, after a process that died. Only while nobody else does rounds."""
        with self._database.write() as session:
            repository.all_due(session)
