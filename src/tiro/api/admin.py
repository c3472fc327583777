"""The server itself, for admins: `/api/v1/admin/storage`, `…/settings`, `…/health`."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from tiro.api.health import Component, RuntimeDependency, Status, components, worst
from tiro.bootstrap.server import Runtime
from tiro.db.session import database_bytes
from tiro.engines.catalogue import bytes_in
from tiro.errors import DatabaseBusy, Forbidden, Unauthorized
from tiro.features.administration.schemas import UserStorage
from tiro.features.checkup.service import look_at_rows
from tiro.features.keys.dependencies import ADMIN
from tiro.http.problems import documented
from tiro.settings import variables

router = APIRouter(
    prefix="/api/v1/admin",
    tags=["admin"],
    dependencies=[ADMIN],
    responses=documented(Unauthorized, Forbidden),
)

_MASK = "********"
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")
_FAULTS_SHOWN = 10


class Disk(BaseModel):
    """Of the data folder, in bytes."""

    free: int
    total: int
    reserve: int = Field(description="What uploads leave free.")


class StorageKinds(BaseModel):
    """What takes room, in bytes."""

    recordings: int = Field(description="Files of recordings, wherever they are kept.")
    uploads: int = Field(description="What unfinished uploads are to have once they are finished.")
    models: int = Field(description="Models on this machine, and what was made of them.")
    database: int


class StorageUse(BaseModel):
    disk: Disk
    bucket: str | None = Field(description="Where recordings are kept, if not on the disk.")
    kinds: StorageKinds
    users: list[UserStorage]


class EffectiveSetting(BaseModel):
    name: str = Field(examples=["TIRO_HTTP_PORT"])
    value: str | int | float | bool | None = Field(description=f"`{_MASK}` where it is a secret.")
    default: bool = Field(description="Whether it is what holds where nobody says anything.")
    source: Literal["default", "environment", "file", "command line"] = Field(
        description="Where it comes from; `file` is the `.env` file."
    )


class EffectiveSettings(BaseModel):
    items: list[EffectiveSetting]


class Queue(BaseModel):
    queued: int
    running: int
    oldest_seconds: float = Field(description="How long the job has waited that waits longest.")


class Host(BaseModel):
    """A process with a loaded model."""

    engine: str
    hosts: int
    busy: int
    deaths: int


class Check(BaseModel):
    """A promise about the data, and what breaks it."""

    promise: str
    faults: list[str] = Field(description=f"{_FAULTS_SHOWN} at most.")
    count: int


class AdminHealth(BaseModel):
    """All parts, the queue, and the doctor's quick findings; `tiro doctor` reads the files too."""

    status: Status
    components: dict[str, Component]
    queue: Queue
    hosts: list[Host]
    checks: list[Check]
    seconds: float = Field(description="How long it took to look.")


@router.get("/storage")
def storage(runtime: RuntimeDependency) -> StorageUse:
    """What room each user takes, and what is left."""
    usage = shutil.disk_usage(runtime.settings.data)
    reserve = int(runtime.settings.storage.reserve)
    users = runtime.administration.storage()
    with runtime.database.read() as session:
        database = database_bytes(session)
    options = runtime.speech.options
    return StorageUse(
        disk=Disk(free=usage.free, total=usage.total, reserve=reserve),
        bucket=runtime.settings.storage.url if runtime.settings.storage.bucket else None,
        kinds=StorageKinds(
            recordings=sum(user.bytes for user in users),
            uploads=sum(user.upload_bytes for user in users),
            models=sum(bytes_in(folder) for folder in (options.models, options.converted) if folder),
            database=database,
        ),
        users=users,
    )


@router.get("/settings")
def settings(runtime: RuntimeDependency) -> EffectiveSettings:
    """The settings as they hold, without secrets."""
    return EffectiveSettings(items=list(_settings(runtime.settings, ("TIRO",), variables())))


@router.get("/health", responses=documented(DatabaseBusy))
def health(runtime: RuntimeDependency) -> AdminHealth:
    """How each part is, in more detail than `/api/v1/health`."""
    started = time.perf_counter()
    parts = components(runtime)
    checks = [
        Check(promise=found.promise, faults=list(found.faults[:_FAULTS_SHOWN]), count=len(found.faults))
        for found in look_at_rows(runtime.database)
    ]
    status = worst(parts)
    if status == "ok" and any(check.count for check in checks):
        status = "degraded"
    return AdminHealth(
        status=status,
        components=parts,
        queue=_queue(runtime),
        hosts=[
            Host(engine=entry.engine, hosts=entry.hosts, busy=entry.busy, deaths=entry.restarts)
            for entry in runtime.speech.hosts.state()
        ],
        checks=checks,
        seconds=round(time.perf_counter() - started, 3),
    )


def _queue(runtime: Runtime) -> Queue:
    with runtime.database.read() as session:
        load, running = runtime.jobs.load(session), runtime.jobs.running(session)
    return Queue(
        queued=sum(one.queued for one in load),
        running=sum(running.values()),
        oldest_seconds=round(max(one.oldest for one in load), 1),
    )


def _settings(
    found: BaseModel, name: tuple[str, ...], said: Mapping[str, Literal["environment", "file"]]
) -> Iterator[EffectiveSetting]:
    for key, field in type(found).model_fields.items():
        value: Any = getattr(found, key)
        path = (*name, key.upper())
        if isinstance(value, BaseModel):
            yield from _settings(value, path, said)
            continue
        default = value == field.get_default(call_default_factory=True)
        variable = "_".join(path)
        yield EffectiveSetting(
            name=variable,
            value=_plain(value),
            default=default,
            source=said.get(variable) or ("default" if default else "command line"),
        )


def _plain(value: Any) -> str | int | float | bool | None:
    """As JSON has it, without what nobody may know: secrets, and the passwords in addresses."""
    match value:
        case SecretStr():
            return _MASK
        case None | bool() | int() | float():
            return value
    return _PASSWORD.sub(f"{_MASK}@", str(value))
