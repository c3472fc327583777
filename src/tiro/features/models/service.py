"""Look after the models of this machine. What is on the disk is the truth: the command line may pull and
remove beside us, and a download that a restart cut off goes on where it stopped. Of a download all servers of
the database know: one fetches a model, and each shows how far it is, and may stop it."""

from __future__ import annotations

import shutil
import socket
import threading
from pathlib import Path

from tiro.db.session import Database, after_commit
from tiro.engines import catalogue
from tiro.engines.base import EngineOptions
from tiro.engines.catalogue import PresentModel, WhisperModel
from tiro.engines.survey import survey
from tiro.errors import Conflict, NotFound, StorageFull
from tiro.features.audit.service import Action, record
from tiro.features.models import repository
from tiro.features.models.fetching import Fetch
from tiro.features.models.repository import Download
from tiro.features.models.schemas import LocalEngine, LocalModel, LocalModels, ModelDownload, ModelState

_MEGABYTE = 1_000_000
_DIED = "The server that fetched it has ended meanwhile. Begin again: it goes on where it stopped."


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
        self._fetches: dict[str, Fetch] = {}

    @property
    def folder(self) -> Path:
        return self._options.models

    def list(self) -> LocalModels:
        """All that are known, and those that somebody put there."""
        under_way = self._downloads()  # first: whose row is gone by now has arrived by then
        here = {model.name: model for model in catalogue.present(self.folder)}
        names = [*here, *(name for name in catalogue.MODELS if name not in here)]
        items = [self._shown(name, here.get(name), under_way.get(name)) for name in names]
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
        under_way = self._downloads().get(name)
        here = next((one for one in catalogue.present(self.folder) if one.name == name), None)
        if here is None and name not in catalogue.MODELS:
            raise NotFound("There is no model of this name.")
        return self._shown(name, here, under_way)

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
            if self._under_way(name) or catalogue.find(name, self.folder) is not None:
                return self.get(name)
            self._require_room(name)
            fetch = Fetch(self._database, self._options, name)
            with self._database.write() as session:
                # Another server may have been faster.
                if repository.begin(session, name, fetch.holder, socket.gethostname()):
                    record(session, Action.MODEL_FETCHED, name)
                    after_commit(session, fetch.start)
                    self._fetches[name] = fetch
        return self.get(name)

    def stop(self, model: str) -> LocalModel:
        """End a download, whichever server is at it; what has arrived is kept.

        Raises:
            NotFound: no such model is known.
            Conflict: it is not on its way.
        """
        name = self._known(model)
        with self._guard:
            with self._database.write() as session:
                if not repository.stop(session, name):
                    raise Conflict(f"'{name}' is not on its way.")
                record(session, Action.MODEL_STOPPED, name)
            if (fetch := self._fetches.pop(name, None)) is not None:
                fetch.stop()
        return self.get(name)

    def remove(self, model: str) -> None:
        """Delete a model, or what has arrived of it. Jobs that have it loaded end with it.

        Raises:
            NotFound: nothing of it is here.
            Conflict: it is on its way, or in the cache that other programs share.
        """
        name = self.get(model).name
        with self._guard:
            if self._under_way(name):
                raise Conflict(f"'{name}' is on its way. Stop that first.")
            removed = catalogue.remove(name, self.folder)
            if not (catalogue.forget_partial(name, self.folder) or removed):
                if shared := catalogue.find(name, self.folder):
                    raise Conflict(
                        f"'{name}' is in the cache that other programs share, and is left there: {shared}."
                    )
                raise NotFound(f"'{name}' is not on this machine.")
            with self._database.write() as session:
                repository.forget(session, name)
                record(session, Action.MODEL_REMOVED, name)

    def recover(self) -> None:
        """After a process that died. Only while no other server uses the database."""
        with self._database.write() as session:
            repository.all_over(session)

    def close(self) -> None:
        """End the downloads of this server; they go on after a restart where somebody asks for them."""
        with self._guard:
            for fetch in self._fetches.values():
                fetch.leave()

    def _downloads(self) -> dict[str, Download]:
        with self._database.read() as session:
            return repository.downloads(session)

    def _under_way(self, name: str) -> bool:
        found = self._downloads().get(name)
        return found is not None and found.alive

    def _require_room(self, name: str) -> None:
        """Raises StorageFull."""
        megabytes, free = catalogue.MODELS[name].megabytes, self._free()
        lacking = megabytes * _MEGABYTE - catalogue.partial_bytes(name, self.folder)
        if free - lacking < self._reserve:
            raise StorageFull(
                f"'{name}' takes {megabytes} MB, and the disk has {free / 1e6:.0f} MB left, of which "
                f"{self._reserve / 1e6:.0f} MB stay free. Remove another model, or free some space."
            )

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

    def _shown(self, name: str, here: PresentModel | None, found: Download | None) -> LocalModel:
        known: WhisperModel | None = catalogue.MODELS.get(name)
        partial = 0 if here else catalogue.partial_bytes(name, self.folder)
        return LocalModel(
            name=name,
            state=_state(here, found),
            known=known is not None,
            megabytes=known and known.megabytes,
            bytes=catalogue.bytes_in(here.path) if here else partial,
            source=here.source if here else None,
            languages=known and ("english" if known.english_only else "many"),
            translates=known and known.translates,
            speed=known and known.speed,
            accuracy=known and known.rank,
            default=name == self._default_model,
            download=None if here else _told(found),
        )


def _told(found: Download | None) -> ModelDownload | None:
    if found is None:
        return None
    return ModelDownload(
        done=found.done,
        total=found.total,
        error=found.error or (None if found.alive else _DIED),
        host=found.host,
        started_at=found.started_at,
    )


def _state(here: PresentModel | None, found: Download | None) -> ModelState:
    if here:
        return "present"
    if found is None:
        return "absent"
    return "fetching" if found.alive else "failed"
