"""One download: a thread that fetches, and one that tells the row how far it is."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.engines import download
from tiro.engines.base import EngineOptions
from tiro.errors import TiroError
from tiro.features.models import repository

_log = structlog.get_logger(__name__)
_TELL_SECONDS = 1.0


class _Stopped(Exception):
    """The download is nobody's wish any more."""


class Fetch:
    """A model on its way here. Its row is what all servers see; the row's end is this one's too."""

    def __init__(self, database: Database, options: EngineOptions, name: str) -> None:
        self.holder = uuid.uuid4().hex
        self._database = database
        self._options = options
        self._name = name
        self._done = 0
        self._total: int | None = None
        self._telling = threading.Lock()
        self._left = False
        self._over = threading.Event()
        self._stop = threading.Event()

    def start(self) -> None:
        for work, purpose in ((self._run, "model"), (self._tell, "model row")):
            threading.Thread(target=work, name=f"{purpose} {self._name}", daemon=True).start()

    def stop(self) -> None:
        """What has arrived stays."""
        self._stop.set()

    def leave(self) -> None:
        """Stop, and touch the database no more: the server ends."""
        self.stop()
        self._told(None)
        with self._telling:
            self._left = True

    def _run(self) -> None:
        error: str | None = None
        try:
            download.pull(self._name, self._options.models, self._report, hubs=self._options.hubs)
            _log.info("models.fetched", model=self._name)
        except _Stopped:
            _log.info("models.fetch_stopped", model=self._name)
        except TiroError as failure:
            error = failure.message
            _log.warning("models.not_fetched", model=self._name, detail=error)
        except Exception as failure:  # noqa: BLE001 (the edge of a thread: whoever asked must hear of it)
            error = f"Fetching '{self._name}' failed: {str(failure) or type(failure).__name__}."
            _log.exception("models.not_fetched", model=self._name)
        finally:
            self._over.set()
            self._told(error)

    def _report(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._done, self._total = done, total or None

    def _tell(self) -> None:
        """Say how far it is, until it is over. Where the row is gone, or another's, this one stops."""
        while not self._over.wait(_TELL_SECONDS):
            self._write(self._progress)

    def _told(self, error: str | None) -> None:
        """The end, which is no news where all went well."""

        def change(session: Session) -> None:
            if error is None:
                repository.end(session, self._name, self.holder)
            else:
                self._progress(session)
                repository.fail(session, self._name, self.holder, error)

        self._write(change)

    def _progress(self, session: Session) -> None:
        if not repository.progress(session, self._name, self.holder, self._done, self._total):
            self._stop.set()

    def _write(self, change: Callable[[Session], None]) -> None:
        """Where that cannot be done, the row falls silent, which says enough."""
        with self._telling:
            if self._left:
                return
            try:
                # One row, and only while it is ours.
                with self._database.write(shared=True) as session:
                    change(session)
            except TiroError as failure:
                _log.info("models.progress_untold", model=self._name, code=failure.code)
