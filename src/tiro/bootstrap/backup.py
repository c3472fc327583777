"""What backups and restores are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tiro.bootstrap.data import connect, lock_data_folder, look_at_database
from tiro.bootstrap.ports import build_storage
from tiro.bootstrap.server import build_webhooks
from tiro.db.migrate import SCHEMA, is_known, revision
from tiro.egress.dns import SystemResolver
from tiro.errors import DatabaseTooNew, DatabaseTooOld, DataFolderInUse, DataInUse, NotFound
from tiro.events.embedded import EmbeddedEventHub
from tiro.features.backup.restoring import RestoreService
from tiro.features.backup.secrets import Secrets
from tiro.features.backup.service import BackupService
from tiro.features.counters.service import CounterService
from tiro.features.events.service import EventService
from tiro.features.jobs.fleet import Fleet
from tiro.features.jobs.service import JobService
from tiro.queue.embedded import EmbeddedQueue
from tiro.settings import Settings


@contextmanager
def backing_up(settings: Settings) -> Iterator[BackupService]:
    """Changes no schema: what is backed up is what is there.

    Raises:
        DatabaseTooNew, DatabaseTooOld: it has another release's schema; that release backs it up.
        NotFound: there is no database.
    """
    database = look_at_database(settings)
    if database is None:
        raise NotFound(f"There is nothing to back up: {settings.data} has no database.")
    try:
        found = revision(database)
        if found is None:
            raise NotFound("There is nothing to back up: the database is empty.")
        if found != SCHEMA:
            error = DatabaseTooOld if is_known(found) else DatabaseTooNew
            raise error(f"{error.default} (Its schema is {found}, and this release backs up {SCHEMA}.)")
        storage, _ = build_storage(settings)
        with closing(storage):
            yield BackupService(database, storage, _secrets(settings))
    finally:
        database.close()


@contextmanager
def restoring(settings: Settings) -> Iterator[RestoreService]:
    """The data folder is this process's alone until the block ends.

    Raises:
        DataInUse: a server runs on it.
    """
    try:
        lock = lock_data_folder(settings)
    except DataFolderInUse as err:
        raise DataInUse from err
    database, resolver = connect(settings), SystemResolver()
    try:
        webhooks, _ = build_webhooks(settings, database, resolver)
        jobs = JobService(
            EventService(database, EmbeddedEventHub(), [webhooks.observe]),
            CounterService(),
            EmbeddedQueue(),
            attempts=settings.jobs.attempts,
            lease_seconds=settings.jobs.lease_seconds,
        )
        fleet = Fleet(alone=False)
        storage, _ = build_storage(settings)
        with closing(storage):
            yield RestoreService(database, storage, jobs, fleet, _secrets(settings), storage.set_aside)
    finally:
        database.close()
        resolver.close()
        lock.release()


def _secrets(settings: Settings) -> Secrets:
    given = settings.auth.secret
    return Secrets(settings.data, given.get_secret_value().encode() if given else None)
