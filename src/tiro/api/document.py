"""The OpenAPI document, where FastAPI's own does not say what is so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from tiro.api.events import event_schemas
from tiro.errors import BodyTooLarge, RateLimited, TiroError, UnknownParameter
from tiro.http import openai_errors, parameters, problems
from tiro.http.limits import UNLIMITED

_NULL = {"type": "null"}


def install(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _mended(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(event_schemas())
    schemas["ProblemBody"] = problems.ProblemBody.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operation in _operations(document):
        _describe_problems(operation)
        _describe_refusals(path, operation)
        for parameter in operation.get("parameters", []):
            _leave_out_null(parameter)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _describe_problems(operation: dict[str, Any]) -> None:
    """The shape of errors, in place of FastAPI's own."""
    if "422" in operation["responses"]:
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
        operation["responses"]["422"]["content"] = problem


def _describe_refusals(path: str, operation: dict[str, Any]) -> None:
    """What any request may be answered before an endpoint sees it."""
    shape = openai_errors if path.startswith(openai_errors.PREFIX) else problems
    errors: list[type[TiroError]] = [] if path in UNLIMITED else [RateLimited]
    if parameters.is_strict(path):
        errors.append(UnknownParameter)
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        errors.append(BodyTooLarge)
    for status, answer in shape.documented(*errors).items():
        known = operation["responses"].setdefault(str(status), answer)
        if known is not answer:
            known["description"] += "\n\n" + answer["description"]


def _leave_out_null(parameter: dict[str, Any]) -> None:
    """A query or a header cannot say null: it is left out."""
    schema = parameter["schema"]
    if _NULL in schema.get("anyOf", ()):
        said = [choice for choice in schema.pop("anyOf") if choice != _NULL]
        schema |= said[0] if len(said) == 1 else {"anyOf": said}
