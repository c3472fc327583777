"""A request's body while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

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
