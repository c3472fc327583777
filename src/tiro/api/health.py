"""Is it alive, is it ready, how is it: `/live`, `/ready`, `/api/v1/health`, `/metrics`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

import tiro
from tiro.api.metrics import MEDIA_TYPE, render
from tiro.bootstrap.roles import Role
from tiro.bootstrap.server import Runtime
from tiro.db.session import database_version
from tiro.engines.survey import survey
from tiro.errors import DatabaseBusy, Forbidden, StorageUnavailable, TiroError, Unauthorized
from tiro.features.keys.dependencies import READ
from tiro.http.problems import documented

router = APIRouter(tags=["health"])


async def _runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


RuntimeDependency = Annotated[Runtime, Depends(_runtime)]


Status = Literal["ok", "degraded", "down"]


class Component(BaseModel):
    status: Status
    detail: str


class Health(BaseModel):
    status: Status
    version: str
    python: str
    components: dict[str, Component]


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


@router.head("/live", include_in_schema=False)
@router.get("/live")
async def live() -> Alive:
    """The process answers."""
    return Alive()


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses=documented(DatabaseBusy, StorageUnavailable))
def ready(runtime: RuntimeDependency) -> Alive:
    """Requests can be served: the database answers, and recordings can be kept."""
    if _database(runtime).status == "down":
        raise DatabaseBusy(retry_after=2)
    runtime.storage_watch.look()
    return Alive()


@router.get("/api/v1/health", dependencies=[READ], responses=documented(Unauthorized, Forbidden))
def health(runtime: RuntimeDependency) -> Health:
    """Each part with its state and version."""
    parts = components(runtime)
    return Health(
        status=worst(parts), version=tiro.__version__, python=platform.python_version(), components=parts
    )


@router.get(
    "/metrics",
    dependencies=[READ],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **documented(Unauthorized, Forbidden)},
)
def metrics(runtime: RuntimeDependency) -> Response:
    """Prometheus metrics."""
    return Response(render(runtime), headers={"Content-Type": MEDIA_TYPE})


def components(runtime: Runtime) -> dict[str, Component]:
    return {
        "database": _database(runtime),
        "storage": _storage(runtime),
        "worker": _worker(runtime),
        **_broker(runtime),
        **_engines(runtime),
    }


def worst(parts: Mapping[str, Component]) -> Status:
    statuses: tuple[Status, ...] = ("ok", "degraded", "down")
    return max((part.status for part in parts.values()), key=statuses.index)


def _database(runtime: Runtime) -> Component:
    try:
        with runtime.database.read() as session:
            version = database_version(session)
    except TiroError as error:
        return Component(status="down", detail=error.message)
    return Component(status="ok", detail=version)


def _worker(runtime: Runtime) -> Component:
    if runtime.role is Role.ALL and not runtime.runner.alive:
        return Component(status="down", detail="no jobs are taken; the log says why")
    if runtime.fleet.alone:
        return Component(status="ok", detail=f"{runtime.runner.busy} jobs at work")
    try:
        with runtime.database.read() as session:
            workers, lacks = runtime.fleet.alive(session), runtime.fleet.stranded(session)
    except TiroError as error:
        return Component(status="down", detail=error.message)
    detail = f"{len(workers)} workers, {sum(worker.slots for worker in workers)} jobs at once"
    if lacks:
        return Component(status="degraded", detail=f"{detail}; jobs wait for {', for '.join(lacks)}")
    return Component(status="ok" if workers else "degraded", detail=detail)


def _broker(runtime: Runtime) -> dict[str, Component]:
    """Without it all goes on, only later: workers and live views look by themselves now and then."""
    try:
        found = runtime.hub.broker()
    except ConnectionError as error:
        detail = f"{error} Jobs begin up to a second later, and live views follow later, until it does."
        return {"broker": Component(status="degraded", detail=detail)}
    return {} if found is None else {"broker": Component(status="ok", detail=found)}


def _storage(runtime: Runtime) -> Component:
    try:
        free = runtime.storage_watch.look()
    except StorageUnavailable as error:
        return Component(status="down", detail=error.message)
    if free is None:
        return Component(status="ok", detail=f"{runtime.settings.storage.url} answers")
    low = free < int(runtime.settings.storage.reserve)
    return Component(status="degraded" if low else "ok", detail=f"{free / 1e9:.1f} GB free")


def _engines(runtime: Runtime) -> dict[str, Component]:
    """Engines that are not ready are no fault of the server: one that is ready is enough."""
    found = survey(runtime.speech.options, runtime.speech.default_model)
    return {
        f"engine:{name}": Component(
            status="ok", detail=entry.detail if entry.ready else f"absent: {entry.detail}"
        )
        for name, entry in found.items()
    }
