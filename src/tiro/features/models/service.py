"""Look after the models of this machine. What is on the disk is the truth: the command line may pull and
remove beside us, and a download that a restart cut off goes on where it stopped."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from tiro.db.session import Database
from tiro.engines import catalogue, download
from tiro.engines.base import EngineOptions
from tiro.engines.catalogue import PresentModel, WhisperModel
from tiro.engines.survey import survey
from tiro.errors import Conflict, NotFound, StorageFull, TiroError
from tiro.features.audit.service import Action, record
from tiro.features.models.schemas import LocalEngine, LocalModel, LocalModels, ModelDownload, ModelState
from tiro.kit import clock

_log = structlog.get_logger(__name__)
_MEGABYTE = 1_000_000


class _Stopped(Exception):
    """Somebody asked the download to end."""


@dataclass
class _Fetch:
    """One download: its thread writes, everybody reads."""

    started_at: datetime = field(default_factory=clock.now)
    done: int = 0
    total: int | None = None
    error: str | None = None
    running: bool = True
    stop: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, total: int) -> None:
        if self.stop.is_set():
            raise _Stopped
        self.done, self.total = done, total or None


class ModelService:
    """The models in one folder.

    Args:
        default_engine: what a request without an engine gets; default_model: what `whisper` alone means.
        reserve: bytes that a download leaves free on the disk.
    """

    def __init__(
        self,
        database: Database,
        options: EngineOptions,
        default_engine: str,
        default_model: str,
        *,
        reserve: int,
    ) -> None:
        self._database = database
        self._options = options
        self._default_engine = default_engine
        self._default_model = catalogue.canonical(default_model)
        self._reserve = reserve
        self._guard = threading.Lock()
        self._fetches: dict[str, _Fetch] = {}

    @property
    def folder(self) -> Path:
        return self._options.models

    def list(self) -> LocalModels:
        """All that are known, and those that somebody put there."""
        here = {model.name: model for model in catalogue.present(self.folder)}
        names = [*here, *(name for name in catalogue.MODELS if name not in here)]
        items = [self._shown(name, here.get(name)) for name in names]
        order: dict[ModelState, int] = {"present": 0, "fetching": 0, "failed": 1, "absent": 2}
        items.sort(key=lambda model: (order[model.state], -(model.accuracy or 0), model.name))
        engines = survey(self._options, self._default_model)
        return LocalModels(
            items=items,
            engines=[
                LocalEngine(
                    name=name, ready=found.ready, detail=found.detail, default=name == self._default_engine
                )
                for name, found in engines.items()
            ],
            folder=str(self.folder),
            free=self._free(),
            downloads=self._options.download,
        )

    def get(self, model: str) -> LocalModel:
        """Raises NotFound where no such model is known, and none is here."""
        name = catalogue.canonical(model)
        here = next((one for one in catalogue.present(self.folder) if one.name == name), None)
        if here is None and name not in catalogue.MODELS:
            raise NotFound("There is no model of this name.")
        return self._shown(name, here)

    def fetch(self, model: str) -> LocalModel:
        """Begin to download a model, or go on with it. Where it is here, or on its way, nothing is begun.

        Raises:
            NotFound: no such model is known.
            Conflict: the operator allows no downloads.
            StorageFull: there is no room for it.
        """
        name = self._known(model)
        if not self._options.download:
            raise Conflict(
                "This server downloads no models: TIRO_ENGINE_DOWNLOAD is false. "
                f"`tiro models pull {name}` fetches it all the same."
            )
        with self._guard:
            before = self._fetches.get(name)
            if (before and before.running) or catalogue.find(name, self.folder) is not None:
                return self.get(name)
            lacking = catalogue.MODELS[name].megabytes * _MEGABYTE - catalogue.partial_bytes(
                name, self.folder
            )
            if self._free() - lacking < self._reserve:
                raise StorageFull(
                    f"'{name}' takes {catalogue.MODELS[name].megabytes} MB, and the disk has "
                    f"{self._free() / 1e6:.0f} MB left, of which {self._reserve / 1e6:.0f} MB stay free. "
                    "Remove another model, or free some space."
                )
            with self._database.write() as session:
                record(session, Action.MODEL_FETCHED, name)
            fetch = self._fetches[name] = _Fetch()
        threading.Thread(target=self._run, args=(name, fetch), name=f"model {name}", daemon=True).start()
        return self.get(name)

    def stop(self, model: str) -> LocalModel:
        """End a download that this server is at; what has arrived is kept. Raises Conflict where none is."""
        name = self._known(model)
        with self._guard:
            fetch = self._fetches.get(name)
            if fetch is None or not fetch.running:
                raise Conflict(f"'{name}' is not on its way.")
            with self._database.write() as session:
                record(session, Action.MODEL_STOPPED, name)
            fetch.stop.set()
            del self._fetches[name]
        return self.get(name)

    def remove(self, model: str) -> None:
        """Delete a model, or what has arrived of it. Jobs that have it loaded end with it.

        Raises:
            NotFound: nothing of it is here.
            Conflict: it is on its way, or in the cache that other programs share.
        """
        name = self.get(model).name
        with self._guard:
            fetch = self._fetches.get(name)
            if fetch and fetch.running:
                raise Conflict(f"'{name}' is on its way. Stop that first.")
            self._fetches.pop(name, None)
            removed = catalogue.remove(name, self.folder)
            if not (catalogue.forget_partial(name, self.folder) or removed):
                if shared := catalogue.find(name, self.folder):
                    raise Conflict(
                        f"'{name}' is in the cache that other programs share, and is left there: {shared}."
                    )
                raise NotFound(f"'{name}' is not on this machine.")
            with self._database.write() as session:
                record(session, Action.MODEL_REMOVED, name)

    def close(self) -> None:
        """End all downloads; they go on after a restart where somebody asks for them."""
        with self._guard:
            for fetch in self._fetches.values():
                fetch.stop.set()

    def _run(self, name: str, fetch: _Fetch) -> None:
        try:
            download.pull(name, self.folder, fetch.report, hubs=self._options.hubs)
            _log.info("models.fetched", model=name)
        except _Stopped:
            _log.info("models.fetch_stopped", model=name)
        except TiroError as error:
            fetch.error = error.message
            _log.warning("models.not_fetched", model=name, detail=error.message)
        except Exception as error:  # noqa: BLE001 (the edge of a thread: whoever asked must hear of it)
            fetch.error = f"Fetching '{name}' failed: {str(error) or type(error).__name__}."
            _log.exception("models.not_fetched", model=name)
        finally:
            fetch.running = False

    def _known(self, model: str) -> str:
        name = catalogue.canonical(model)
        if name not in catalogue.MODELS:
            raise NotFound("There is no model of this name to download.")
        return name

    def _free(self) -> int:
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _shown(self, name: str, here: PresentModel | None) -> LocalModel:
        known: WhisperModel | None = catalogue.MODELS.get(name)
        fetch = self._fetches.get(name)
        partial = 0 if here else catalogue.partial_bytes(name, self.folder)
        return LocalModel(
            name=name,
            state=_state(here, fetch),
            known=known is not None,
            megabytes=known and known.megabytes,
            bytes=catalogue.bytes_in(here.path) if here else partial,
            source=here.source if here else None,
            languages=known and ("english" if known.english_only else "many"),
            translates=known and known.translates,
            speed=known and known.speed,
            accuracy=known and known.rank,
            default=name == self._default_model,
            download=None
            if here or fetch is None
            else ModelDownload(
                done=fetch.done, total=fetch.total, error=fetch.error, started_at=fetch.started_at
            ),
        )


def _told(fetch: _Fetch | None) -> ModelDownload | None:
    if fetch is None:
        return None
    return ModelDownload(done=fetch.done, total=fetch.total, error=fetch.error, started_at=fetch.started_at)


def _state(here: PresentModel | None, fetch: _Fetch | None) -> ModelState:
    if here:
        return "present"
    if fetch is None:
        return "absent"
    if fetch.error is not None:
        return "failed"
    # One that arrived, and that somebody has removed since, is gone.
    return "fetching" if fetch.running else "absent"
