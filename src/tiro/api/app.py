"""Make the application from a runtime."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

import tiro
from tiro.api import admin, docs, document, health, password, webapp
from tiro.bootstrap.roles import Role
from tiro.bootstrap.server import Runtime
from tiro.errors import StorageUnavailable, TiroError
from tiro.features.accounts import admin_endpoints
from tiro.features.accounts import endpoints as account_endpoints
from tiro.features.accounts.factors import endpoints as factor_endpoints
from tiro.features.accounts.identities import endpoints as identity_endpoints
from tiro.features.administration import audit_endpoints, job_endpoints
from tiro.features.batches import endpoints as batch_endpoints
from tiro.features.comments import endpoints as comment_endpoints
from tiro.features.defaults import endpoints as defaults_endpoints
from tiro.features.editing import endpoints as editing_endpoints
from tiro.features.feed import endpoints as feed_endpoints
from tiro.features.following import endpoints as following_endpoints
from tiro.features.groups import endpoints as group_endpoints
from tiro.features.keys import endpoints as key_endpoints
from tiro.features.keys.service import KeyService
from tiro.features.models import endpoints as model_endpoints
from tiro.features.openai import endpoints as openai_endpoints
from tiro.features.peaks import endpoints as peak_endpoints
from tiro.features.quotas import endpoints as quota_endpoints
from tiro.features.recordings import (
    detail_endpoints,
    endpoints,
    event_endpoints,
    export_endpoints,
    link_endpoints,
    share_endpoints,
)
from tiro.features.retention import endpoints as retention_endpoints
from tiro.features.uploads import endpoints as upload_endpoints
from tiro.features.webhooks import endpoints as webhook_endpoints
from tiro.http import cors, idempotency, parameters, problems
from tiro.http.limits import LimitedRequests
from tiro.http.middleware import RequestEnvelope
from tiro.http.proxies import BelievedProxies
from tiro.http.smallbodies import SmallBodies

_log = structlog.get_logger(__name__)
_MINUTE = 60.0
_STREAMED = re.compile(r"/api/v1/transcribe|/api/v1/batches|/api/v1/uploads(/.*)?|/v1/audio/.*", re.DOTALL)
"""Paths whose endpoints read the body themselves, and bound it. All others get it whole, and small."""

_DESCRIPTION = """Recordings in, transcripts out, on your own machine.

Send `Authorization: Bearer KEY` with every request, with an API key or the access token of a login. A browser
may log in with cookies instead; then every request that changes something needs the header `X-CSRF-Token`.
Errors are `application/problem+json` with a stable `code`."""


# In the order in which /docs shows them: the door first, what only operators need last.
_ROUTERS = (
    endpoints.router,
    export_endpoints.router,
    detail_endpoints.router,
    detail_endpoints.tags,
    editing_endpoints.router,
    comment_endpoints.router,
    event_endpoints.router,
    feed_endpoints.router,
    following_endpoints.router,
    peak_endpoints.router,
    retention_endpoints.holds,
    retention_endpoints.router,
    batch_endpoints.router,
    upload_endpoints.router,
    openai_endpoints.router,
    share_endpoints.router,
    link_endpoints.router,
    group_endpoints.router,
    key_endpoints.router,
    account_endpoints.router,
    factor_endpoints.router,
    identity_endpoints.router,
    quota_endpoints.router,
    defaults_endpoints.router,
    admin_endpoints.router,
    webhook_endpoints.router,
    audit_endpoints.own,
    audit_endpoints.router,
    job_endpoints.router,
    job_endpoints.queues,
    model_endpoints.router,
    admin.router,
    health.router,
)


def create_app(runtime: Runtime) -> FastAPI:
    """The application. Unless the runtime's role is the API alone, it runs the jobs and the rounds too, from
    its start to its end. It closes nothing of ``runtime``."""

    app = FastAPI(
        title="Tiro",
        version=tiro.__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.runtime = runtime
    app.state.home = problems.APP if webapp.is_built() else "/docs"
    problems.install(app)
    # The last one is the first to see a request.
    app.add_middleware(parameters.KnownParameters, routes=lambda: app.routes)
    idempotency.install(app)
    app.add_middleware(SmallBodies, streamed=lambda path: _STREAMED.fullmatch(path) is not None)
    app.add_middleware(LimitedRequests, limits=runtime.limits)
    cors.install(app, runtime.browsers.origins)
    app.add_middleware(RequestEnvelope)
    app.add_middleware(BelievedProxies, networks=runtime.settings.http.believed_proxies)
    for router in _ROUTERS:
        # As they are: nothing is added to them, and `include_router` would make each of them once more.
        app.router.routes.extend(router.routes)
    docs.mount(app)
    if not webapp.is_built():
        password.mount(app)
    webapp.mount(app, media_elsewhere=runtime.settings.storage.signed_seconds > 0)
    document.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    runtime: Runtime = app.state.runtime
    everything = runtime.role is Role.ALL
    runtime.speech.decoders.warm()
    own = [
        asyncio.create_task(runtime.uploads.sweep_forever()),
        asyncio.create_task(runtime.uploads.finish_silent_forever(runtime.rounds)),
        asyncio.create_task(_note_uses(runtime.keys)),
    ]
    # What is missing is in the log before the first upload fails.
    looking = asyncio.create_task(asyncio.to_thread(_look_at_storage, runtime))
    if everything:
        own += [asyncio.create_task(runtime.sender.run()), asyncio.create_task(runtime.beat.run())]
    runner = asyncio.create_task(runtime.runner.run()) if everything else None
    try:
        yield
    finally:
        for one in own:
            one.cancel()
        await asyncio.wait([*own, looking])
        if runner is not None:
            runtime.runner.stop()
            await runner
        await asyncio.to_thread(_note_uses_once, runtime.keys)


def _look_at_storage(runtime: Runtime) -> None:
    with suppress(StorageUnavailable):  # it is logged, and told by /ready
        runtime.storage_watch.look()


async def _note_uses(keys: KeyService) -> None:
    """Write down, once a minute, which keys were used."""
    while True:
        await asyncio.sleep(_MINUTE)
        await asyncio.to_thread(_note_uses_once, keys)


def _note_uses_once(keys: KeyService) -> None:
    try:
        keys.note_uses()
    except TiroError as error:
        _log.warning("keys.uses_unwritten", detail=error.message)
