"""Messages that may be lost, sent by a thread of their own so that nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PAUSE_SECONDS = 1.0
_LAST_SECONDS = 1.0


class Outbox:
    """Hands each name to ``send``, as often as it was put in, up to a limit. Its thread starts with the
    first.

    Args:
        send: gets names, with how often each; may block for a moment, and may raise.
        on_change: told whether ``send`` works, at the first failure and at the first success after it.
        most: of how many of one name is remembered.
        room: of how many names is remembered; more are lost.
    """

    def __init__(
        self,
        send: Callable[[dict[str, int]], None],
        on_change: Callable[[Exception | None], None],
        *,
        most: int = 1,
        room: int = 10_000,
    ) -> None:
        self._send = send
        self._on_change = on_change
        self._most = most
        self._room = room
        self._names: dict[str, int] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, name: str) -> None:
        """Never blocks, never raises."""
        with self._changed:
            if self._closed or (name not in self._names and len(self._names) >= self._room):
                return
            self._names[name] = min(self._names.get(name, 0) + 1, self._most)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Send what is left, unless that takes too long."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        failed = False
        while True:
            with self._changed:
                while not self._names and not self._closed:
                    self._changed.wait()
                if not self._names:
                    return
                names, self._names = self._names, {}
            try:
                self._send(names)
            except Exception as error:  # noqa: BLE001 (the edge of a connection: what is sent may be lost)
                if not failed:
                    self._on_change(error)
                failed = True
                if self._closed:
                    return
                time.sleep(_PAUSE_SECONDS)
            else:
                if failed:
                    self._on_change(None)
                failed = False
