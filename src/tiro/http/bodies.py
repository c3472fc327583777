"""A request's body while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType

from starlette.requests import ClientDisconnect

from tiro.errors import UploadInterrupted

_SILENCE_SECONDS = 60.0
"""A sender that is silent for so long is gone."""


class IncomingBody:
    """The chunks of ``body`` while its sender is there; raises UploadInterrupted when it is gone.

    ``stop`` makes it end in the same way, at once where it waits for a chunk.
    """

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._stopped = False
        self._waiting: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Call from the event loop."""
        stopped, self._stopped = self._stopped, True
        if self._waiting is not None and not stopped:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while not self._stopped:
                async with asyncio.timeout(_SILENCE_SECONDS) as self._waiting:
                    chunk = await anext(self._body)
                self._waiting = None
                yield chunk
        except StopAsyncIteration:
            return
        except (ClientDisconnect, TimeoutError) as err:
            raise UploadInterrupted from err
        finally:
            self._waiting = None
        raise UploadInterrupted


class InThread:
    """Does one thing after the other in a thread, while its user goes on to receive what comes next. Whoever
    leaves the block, however that is, waits for what is at work."""

    def __init__(self) -> None:
        self._work: asyncio.Future[None] | None = None

    async def run(self, action: Callable[[], object]) -> None:
        """Begin ``action`` once the one before is done; raises what that one raised."""
        await self.settle()
        self._work = asyncio.ensure_future(asyncio.to_thread(_without_result, action))

    async def settle(self) -> None:
        """Wait for what is at work; raises what it raised."""
        if (work := self._work) is not None:
            await asyncio.shield(work)
            self._work = None

    async def __aenter__(self) -> InThread:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.settle()
        elif self._work is not None:
            await asyncio.wait([self._work])
            self._work.exception()  # of the two errors the first is told


def _without_result(action: Callable[[], object]) -> None:
    action()
