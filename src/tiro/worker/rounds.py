"""Work that is done again and again, in one process of however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from tiro.features.rounds.service import RoundService

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 60.0
"""How often is looked whether another process has left a round undone, at least."""


@dataclass(frozen=True, slots=True)
class Round:
    """``work`` says whether there is more to do at once; else the next one is due in ``seconds``."""

    name: str
    work: Callable[[], bool]
    seconds: float


class Rounds:
    """Does rounds until it is cancelled; one that is under way then is brought to its end."""

    def __init__(self, service: RoundService, rounds: Sequence[Round]) -> None:
        self._service = service
        self._rounds = rounds

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for one in self._rounds:
                group.create_task(self._go(one))

    async def _go(self, one: Round) -> None:
        while True:
            more = False
            turn = asyncio.ensure_future(asyncio.to_thread(self._once, one))
            try:
                more = await asyncio.shield(turn)
            except asyncio.CancelledError:
                await asyncio.wait([turn])  # it may be in the midst of a transaction
                raise
            except Exception as error:  # noqa: BLE001 (the edge of a round: the next one tries again)
                _log.warning("round.failed", round=one.name, error=str(error))
            await asyncio.sleep(0 if more else min(one.seconds, _LOOK_SECONDS))

    def _once(self, one: Round) -> bool:
        """Do it, where it is due and nobody else does; whether there is more."""
        if not self._service.take(one.name, one.seconds):
            return False
        more = False
        try:
            more = one.work()
        finally:
            self._service.done(one.name, 0.0 if more else one.seconds)
        return more
