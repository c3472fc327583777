"""Errors as problem+json (RFC 9457): a stable code, a sentence for a person, and what to do."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match

from tiro.errors import ChecksumMismatch, InvalidRequest, MethodNotAllowed, NotFound, TiroError
from tiro.http import openai_errors
from tiro.telemetry import metrics

_log = structlog.get_logger(__name__)
APP = "/"
"""Where the web app is, if it is built."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ProblemBody(BaseModel):
    """What every error answer looks like."""

    type: str = Field(examples=["urn:tiro:error:unsupported_media"])
    title: str = Field(examples=["Unsupported Media Type"])
    status: int = Field(examples=[415])
    code: str = Field(description="Stable: programs may rely on it.", examples=["unsupported_media"])
    detail: str = Field(description="For a person: what is wrong and what to do.")
    request_id: str | None = None


def install(app: FastAPI) -> None:
    """Render every error of ``app`` in one way."""
    app.add_exception_handler(TiroError, _on_tiro_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def documented(*errors: type[TiroError]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that may answer with these errors."""
    by_status: dict[int | str, list[str]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(f"`{error.code}`: {error.default}")
    return {
        status: {
            "description": "\n\n".join(lines),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status, lines in by_status.items()
    }


def render(request: HTTPConnection, error: TiroError, status: int | None = None) -> JSONResponse:
    metrics.PROBLEMS.add(error.code)
    status = status or error.status
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if request.scope["path"].startswith(openai_errors.PREFIX):
        status, answer = openai_errors.body_of(error, status)
        return JSONResponse(answer, status_code=status, headers=headers)
    body = ProblemBody(
        type=f"urn:tiro:error:{error.code}",
        title=_title(status),
        status=status,
        code=error.code,
        detail=error.message,
        request_id=getattr(request.state, "request_id", None),
    )
    content = error.more | body.model_dump()
    return JSONResponse(content, status_code=status, headers=headers, media_type="application/problem+json")


def landing(request: Request, error: TiroError) -> Response:
    """An error for whoever was sent here by another site: who looks through a browser lands on the app's
    sign-in page, which says the code in words; anybody else gets the problem."""
    problem = _logged(request, error)
    if request.app.state.home != APP or "text/html" not in request.headers.get("accept", ""):
        return problem
    return RedirectResponse(f"{APP}?refused={error.code}", 303)


async def _on_tiro_error(request: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, TiroError)
    return _logged(request, error)  # before a socket is open it is the handshake's answer


def _logged(request: HTTPConnection, error: TiroError) -> JSONResponse:
    if error.status >= 500:
        _log.warning("request.failed", code=error.code, detail=error.message)
    return render(request, error)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return render(request, invalid(error))


def invalid(error: RequestValidationError) -> InvalidRequest:
    """What FastAPI found wrong, as an error of ours."""
    lines = (f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
    return InvalidRequest("; ".join(lines))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 300:  # raised by what runs before an endpoint, and no problem
        return Response(status_code=error.status_code, headers=error.headers)
    known: TiroError
    if error.status_code == 404:
        known = NotFound("There is nothing at this address. /docs lists what there is.")
    elif error.status_code == 405:
        known = MethodNotAllowed()
    else:
        known = InvalidRequest(f"{str(error.detail).rstrip('.')}.")
    known.headers.update(error.headers or {})
    if error.status_code == 405:
        known.headers["Allow"] = ", ".join(_methods(request))
    # FastAPI says 400 of a body that is not even text, and 422 of any other that it cannot read.
    return render(request, known, known.status if error.status_code == 400 else error.status_code)


def _methods(request: HTTPConnection) -> list[str]:
    """What can be done at this address, of all its routes together: the framework names those of one."""
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _title(status: int) -> str:
    from http import HTTPStatus

    if status == ChecksumMismatch.status:  # of the tus protocol, unknown to HTTP itself
        return "Checksum Mismatch"
    return HTTPStatus(status).phrase
