"""OpenAI's audio API: `/v1/audio/transcriptions`, `/v1/audio/translations`, `/v1/models`."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tiro.errors import (
    EngineFailed,
    Forbidden,
    InvalidRequest,
    LimitExceeded,
    ModelUnavailable,
    RateLimited,
    StorageFull,
    StorageUnavailable,
    TiroError,
    Unauthorized,
    UnknownEngine,
    UnsupportedMedia,
    UploadInterrupted,
    UploadTooLarge,
)
from tiro.features.jobs.states import Priority
from tiro.features.keys.dependencies import READ, Standing, StandingDependency, Writer, caller
from tiro.features.keys.service import Caller
from tiro.features.openai import answers, form
from tiro.features.openai.form import AudioRequest
from tiro.features.openai.service import OpenAIService
from tiro.features.recordings.service import Intake
from tiro.http.fields import FORM_FLAG, or_blank
from tiro.http.multipart import FORM_OVERHEAD, receive_form
from tiro.http.openai_errors import body_of, documented
from tiro.kit.ids import uuid7
from tiro.speech.types import Task

router = APIRouter(
    prefix="/v1",
    tags=["openai"],
    dependencies=[Depends(caller)],
    responses=documented(Unauthorized, Forbidden),
)

_log = structlog.get_logger(__name__)


def _service(request: Request) -> OpenAIService:
    return cast(OpenAIService, request.app.state.runtime.openai)


Service = Annotated[OpenAIService, Depends(_service)]


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "tiro"


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def _form_schema(formats: tuple[str, ...], **more: Any) -> dict[str, Any]:
    properties = {
        "file": {"type": "string", "format": "binary"},
        "model": {"type": "string", "pattern": r"\S", "examples": ["whisper-1", "whisper:small"]},
        "prompt": {"type": "string"},
        "response_format": or_blank({"type": "string", "enum": list(formats), "default": "json"}),
        "temperature": or_blank({"type": "number", "minimum": 0, "maximum": 1}),
        **more,
    }
    schema: dict[str, Any] = {"type": "object", "required": ["file", "model"], "properties": properties}
    schema["additionalProperties"] = False
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _list(name: str, items: dict[str, Any]) -> dict[str, Any]:
    """A field that may come several times; clients write its name in either way."""
    return {key: {"type": "array", "items": items} for key in (name, f"{name}[]")}


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The transcript in the format asked for.",
        "content": {"application/json": {}, "text/plain": {}, "text/event-stream": {}},
    },
    **documented(
        InvalidRequest,
        UploadInterrupted,
        UnknownEngine,
        UnsupportedMedia,
        UploadTooLarge,
        LimitExceeded,
        EngineFailed,
        ModelUnavailable,
        RateLimited,
        StorageFull,
        StorageUnavailable,
    ),
}


@router.get("/models", dependencies=[READ])
def models(service: Service) -> Models:
    """The engines and models that are ready, and OpenAI's names, which mean the engine by default."""
    return Models(data=[Model(id=name) for name in service.models()])


@router.get("/models/{name:path}", dependencies=[READ], responses=documented(UnknownEngine))
def model(service: Service, name: str) -> Model:
    """One model."""
    return Model(id=service.model(name))


@router.post(
    "/audio/transcriptions",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_form_schema(
        form.FORMATS,
        language={"type": "string"},
        stream=FORM_FLAG,
        chunking_strategy={"type": "string"},
        **_list("languages", {"type": "string"}),
        **_list("keywords", {"type": "string"}),
        **_list("timestamp_granularities", or_blank({"enum": ["word", "segment"]})),
    ),
)
async def transcriptions(
    request: Request, service: Service, who: Writer, standing: StandingDependency
) -> Response:
    """As OpenAI's. Log probabilities and known speakers are refused."""
    return await _answer(request, service, who, standing, "transcribe")


@router.post(
    "/audio/translations",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_form_schema(form.FORMATS[:5]),
)
async def translations(
    request: Request, service: Service, who: Writer, standing: StandingDependency
) -> Response:
    """As OpenAI's: English text of whatever is spoken."""
    return await _answer(request, service, who, standing, "translate")


async def _answer(
    request: Request, service: OpenAIService, who: Caller, standing: Standing, task: Task
) -> Response:
    recording_id, asked = await _take_in(request, service, who, task)
    if asked.stream:
        return StreamingResponse(
            _events(service, recording_id, asked, standing),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
    waiting = asyncio.ensure_future(service.finished(recording_id))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise UploadInterrupted("The client is gone; its job was cancelled.")
        found = waiting.result()
        body, media_type = answers.render(asked, found.segments, found.metadata)
        return Response(body, media_type=media_type)
    finally:
        waiting.cancel()
        gone.cancel()
        await asyncio.to_thread(service.let_go, recording_id)


async def _take_in(
    request: Request, service: OpenAIService, who: Caller, task: Task
) -> tuple[str, AudioRequest]:
    limits = service.recordings.limits
    announced = int(request.headers.get("content-length") or 0)
    if announced > limits.max_upload + FORM_OVERHEAD:
        raise limits.too_large()
    await asyncio.to_thread(service.recordings.admit, who.user_id, announced - FORM_OVERHEAD)
    recording_id = str(uuid7())
    with service.recordings.begin(recording_id, announced) as upload:
        received = await receive_form(
            request.headers.get("content-type", ""),
            request.stream(),
            file_field="file",
            sink=upload,
            max_size=limits.max_upload,
        )
        asked = form.read(received.fields, task, service.engine_of)
        intake = Intake(
            recording_id=recording_id,
            filename=received.filename,
            title=None,
            size=received.size,
            sha256=received.sha256,
            options=asked.options,
            priority=Priority.HIGH,
            owner_id=who.user_id,
            idempotency_key=None,
        )
        await asyncio.to_thread(service.accept, upload, intake, asked.model)
    return recording_id, asked


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection; its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(
    service: OpenAIService, recording_id: str, asked: AudioRequest, standing: Standing
) -> AsyncIterator[str]:
    try:
        async with aclosing(service.stream(recording_id, asked, standing.lost)) as events:
            async for event in events:
                yield _line(event)
    except TiroError as error:
        if error.status >= 500:
            _log.warning("request.failed", code=error.code, detail=error.message)
        yield _line(body_of(error)[1])
    finally:
        # Not awaited: where the client is gone, this task may wait for nothing any more.
        context = contextvars.copy_context()
        asyncio.get_running_loop().run_in_executor(None, context.run, service.let_go, recording_id)


def _line(data: dict[str, Any]) -> str:
    """One event. Its type is in the data, as with OpenAI: a line of its own for it is not sent there."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
