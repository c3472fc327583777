"""Errors in the shape of OpenAI's API, for everything under `/v1/`."""

from __future__ import annotations

from typing import Any

from tiro.errors import TiroError

PREFIX = "/v1/"

_CODES = {
    "unauthorized": "invalid_api_key",
    "unknown_engine": "model_not_found",
    "rate_limited": "rate_limit_exceeded",
    "job_quota_exceeded": "rate_limit_exceeded",
    "audio_quota_exceeded": "insufficient_quota",
    "storage_quota_exceeded": "insufficient_quota",
}
_STATUSES = {"unknown_engine": 404, "storage_quota_exceeded": 429}


def body_of(error: TiroError, status: int | None = None) -> tuple[int, dict[str, Any]]:
    """The status and the body. What is wrong with the request's content is 400 there, never 422."""
    status = _STATUSES.get(error.code, status or error.status)
    if status == 422:
        status = 400
    kind = "invalid_request_error"
    if status == 403:
        kind = "permission_error"
    elif status == 429:
        kind = "rate_limit_error"
        if _CODES.get(error.code) == "insufficient_quota":
            kind = "insufficient_quota"
    elif status >= 500:
        kind = "server_error"
    details = {
        "message": error.message,
        "type": kind,
        "param": error.param,
        "code": _CODES.get(error.code, error.code),
    }
    return status, {"error": details}


def documented(*errors: type[TiroError]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that may answer with these errors."""
    details = {
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {
            "message": {"type": "string"},
            "type": {"type": "string"},
            "param": {"type": ["string", "null"]},
            "code": {"type": ["string", "null"]},
        },
    }
    schema = {"type": "object", "required": ["error"], "properties": {"error": details}}
    lines: dict[int | str, list[str]] = {}
    for error in errors:
        status, body = body_of(error())
        lines.setdefault(status, []).append(f"`{body['error']['code']}`: {error.default}")
    return {
        status: {"description": "\n\n".join(texts), "content": {"application/json": {"schema": schema}}}
        for status, texts in lines.items()
    }
