"""Make the application from a runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

import tiro
from tiro.api import docs, health
from tiro.bootstrap.server import Runtime
from tiro.features.openai import endpoints as openai_endpoints
from tiro.features.recordings import endpoints, event_endpoints, export_endpoints
from tiro.features.uploads import endpoints as upload_endpoints
from tiro.http import problems
from tiro.http.middleware import RequestEnvelope

_DESCRIPTION = """Recordings in, transcripts out, on your own machine.

Send `Authorization: Bearer KEY` with every request.
Errors are `application/problem+json` with a stable `code`."""


def create_app(runtime: Runtime) -> FastAPI:
    """The application. It runs the jobs too, from its start to its end, but closes nothing of ``runtime``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime.speech.decoders.warm()
        runner = asyncio.create_task(runtime.runner.run())
        sweeper = asyncio.create_task(runtime.uploads.sweep_forever())
        try:
            yield
        finally:
            sweeper.cancel()
            await asyncio.wait([sweeper])
            runtime.runner.stop()
            await runner

    app = FastAPI(
        title="Tiro",
        version=tiro.__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.runtime = runtime
    problems.install(app)
    app.add_middleware(RequestEnvelope)
    # In the order in which /docs shows them: the door first, what only operators need last.
    app.include_router(endpoints.router)
    app.include_router(export_endpoints.router)
    app.include_router(event_endpoints.router)
    app.include_router(upload_endpoints.router)
    app.include_router(openai_endpoints.router)
    app.include_router(health.router)
    docs.mount(app)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Put the shape of errors into the OpenAPI document, in place of FastAPI's own."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["ProblemBody"] = problems.ProblemBody.model_json_schema()
            problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
            for path in schema["paths"].values():
                for operation in path.values():
                    if "422" in operation["responses"]:
                        operation["responses"]["422"]["content"] = problem
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
