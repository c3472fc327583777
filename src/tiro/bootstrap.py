"""Put the parts together: the one place that reads settings and names adapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tiro.db.migrate import upgrade
from tiro.db.session import Database
from tiro.engines import catalogue, registry, survey
from tiro.engines.base import EngineOptions
from tiro.engines.host import EngineHosts
from tiro.engines.registry import Resolved
from tiro.errors import DataFolderInUse
from tiro.events.embedded import EmbeddedEventHub
from tiro.features.checkup.service import CheckupService, Finding
from tiro.features.events.service import EventService
from tiro.features.jobs.service import JobService
from tiro.features.keys.service import KeyService
from tiro.features.recordings.service import IntakeLimits, RecordingService
from tiro.features.transcription.pipeline import Pipeline
from tiro.features.transcription.service import Records, TranscriptionService
from tiro.features.transcripts.service import TranscriptService
from tiro.kit.lockfile import AlreadyLocked, FolderLock
from tiro.media.decode import DecoderPool
from tiro.media.types import MediaLimits
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings
from tiro.storage.local import LocalStorage
from tiro.worker.runner import Runner


@dataclass(frozen=True, slots=True)
class SpeechRuntime:
    """What turns a file into text, with neither server nor database."""

    pipeline: Pipeline
    decoders: DecoderPool
    hosts: EngineHosts
    options: EngineOptions
    default_engine: str
    default_model: str

    def prepare(self, engine: str | None, progress: Callable[[int, int], None] | None = None) -> Resolved:
        """The engine that ``engine`` (None: the default) means here and now, its model fetched if need be.

        Args:
            progress: called with bytes done and bytes in all while a model is fetched; what it
                raises ends that.
        """
        resolved = registry.resolve(engine or self.default_engine, self.options, self.default_model)
        if resolved.needs_download and resolved.spec.model is not None:
            catalogue.pull(resolved.spec.model, self.options.models, progress)
        return resolved


@dataclass(frozen=True, slots=True)
class Runtime:
    """All parts of a server."""

    settings: Settings
    database: Database
    storage: LocalStorage
    speech: SpeechRuntime
    keys: KeyService
    events: EventService
    jobs: JobService
    recordings: RecordingService
    runner: Runner

    def close(self) -> None:
        self.speech.hosts.close()
        self.speech.decoders.close()
        self.database.close()

    def recover(self) -> None:
        """Clear up after a process that died. Only while this one holds the data folder."""
        with self.database.write() as session:
            self.jobs.sweep(session, everything=True)
        self.storage.sweep_unfinished()
        known = self.recordings.ids()
        for key in list(self.storage.inventory()):
            if key not in known:
                self.storage.delete(key)


@contextmanager
def speech_runtime(settings: Settings) -> Iterator[SpeechRuntime]:
    """Media and engines alone, as the command line and `tiro.transcribe` use them."""
    runtime = _build_speech(settings)
    try:
        yield runtime
    finally:
        runtime.hosts.close()
        runtime.decoders.close()


def open_database(settings: Settings) -> Database:
    """The database, at the schema of this release."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    upgrade(database)
    return database


def lock_data_folder(settings: Settings) -> FolderLock:
    """Make this process the only server on the data folder; raises DataFolderInUse where another is."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return FolderLock(settings.data / "lock")
    except AlreadyLocked as err:
        raise DataFolderInUse from err


def build_runtime(settings: Settings) -> Runtime:
    """Everything a server needs. The caller closes it."""
    database = open_database(settings)
    storage = LocalStorage(settings.data, int(settings.storage.reserve))
    hub, queue = EmbeddedEventHub(), EmbeddedQueue()
    speech = _build_speech(settings)
    events = EventService(database, hub)
    jobs = JobService(
        events, queue, attempts=settings.jobs.attempts, lease_seconds=settings.jobs.lease_seconds
    )
    transcripts = TranscriptService()
    records = Records(database, jobs, transcripts, events)
    limits = IntakeLimits(
        max_upload=int(settings.http.max_upload),
        max_wait=settings.http.max_wait,
        default_engine=settings.engine.default,
    )
    recordings = RecordingService(
        database,
        storage,
        hub,
        speech.decoders,
        jobs,
        transcripts,
        check_engine=lambda text: survey.check(text, speech.options, speech.default_model),
        limits=limits,
    )
    runner = Runner(
        database,
        jobs,
        TranscriptionService(records, storage, speech.pipeline, speech.prepare),
        queue,
        parallel=settings.jobs.parallel,
        owner=f"embedded:{os.getpid()}",
    )
    return Runtime(
        settings=settings,
        database=database,
        storage=storage,
        speech=speech,
        keys=KeyService(database),
        events=events,
        jobs=jobs,
        recordings=recordings,
        runner=runner,
    )


def inspect_data(settings: Settings) -> list[Finding]:
    """Check every promise about the data; safe while a server runs."""
    try:
        lock_data_folder(settings).release()
        running = False
    except DataFolderInUse:
        running = True
    database = open_database(settings)
    storage = LocalStorage(settings.data, int(settings.storage.reserve))
    try:
        return CheckupService(database, storage, storage, running=running).run()
    finally:
        database.close()


def engine_options(settings: Settings) -> EngineOptions:
    engine = settings.engine
    return EngineOptions(
        models=settings.models_folder,
        device=engine.device,
        compute_type=engine.compute_type,
        threads=engine.threads,
        download=engine.download,
    )


def _build_speech(settings: Settings) -> SpeechRuntime:
    engine, options = settings.engine, engine_options(settings)
    limits = MediaLimits(
        max_duration=settings.media.max_duration,
        max_channels=settings.media.max_channels,
        memory=int(settings.media.memory),
        cpu_seconds=settings.media.cpu_seconds,
        stall_seconds=settings.media.stall_seconds,
    )
    decoders = DecoderPool(limits)
    hosts = EngineHosts(options, idle_seconds=engine.idle_seconds)
    return SpeechRuntime(Pipeline(decoders, hosts), decoders, hosts, options, engine.default, engine.model)
