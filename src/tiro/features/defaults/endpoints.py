"""What you set for all your recordings: `/api/v1/me/transcription-defaults`."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from tiro.errors import Forbidden, InvalidRequest, Unauthorized, UnsupportedLanguage
from tiro.features.defaults.service import DefaultsService
from tiro.features.keys.dependencies import Reader, Writer
from tiro.http.problems import documented
from tiro.speech.options import MAX_PROMPT, MAX_TERM, MAX_TERMS, Defaults

router = APIRouter(
    prefix="/api/v1/me/transcription-defaults",
    tags=["account"],
    responses=documented(Unauthorized, Forbidden),
)

_VOCABULARY = "Names and terms to expect, the most important first. Those of a request come before them."
_PROMPT = "Text that could stand before a recording that comes with no `prompt`."
_LANGUAGE = "Of recordings that come with none: a code, an English name, or `mixed`. `auto` detects it."
_ONE = r"^[^,;\x00-\x1f]*[^,;\s\x00-\x1f][^,;\x00-\x1f]*$"
"""What separates terms elsewhere is in none."""
_Term = Annotated[str, Field(max_length=MAX_TERM, pattern=_ONE)]


async def _service(request: Request) -> DefaultsService:
    return cast(DefaultsService, request.app.state.runtime.defaults)


Service = Annotated[DefaultsService, Depends(_service)]


class DefaultsWish(BaseModel):
    """What is to be another; what is not named stays, and null takes it away."""

    vocabulary: list[_Term] | None = Field(None, max_length=MAX_TERMS, description=_VOCABULARY)
    prompt: str | None = Field(None, max_length=MAX_PROMPT, pattern=r"^[^\x00]*$", description=_PROMPT)
    language: str | None = Field(None, description=_LANGUAGE)


class TranscriptionDefaults(BaseModel):
    """What holds for your recordings where a request does not say otherwise."""

    vocabulary: list[str] = Field(description=_VOCABULARY)
    prompt: str | None = Field(description=_PROMPT)
    language: str | None = Field(description=_LANGUAGE)


@router.get("")
def get_defaults(service: Service, who: Reader) -> TranscriptionDefaults:
    """What holds for your recordings where a request does not say otherwise."""
    return _shown(service.get(who.user_id))


@router.patch("", responses=documented(InvalidRequest, UnsupportedLanguage))
def change_defaults(service: Service, who: Writer, change: DefaultsWish) -> TranscriptionDefaults:
    """Choose what holds for your recordings, those that come from now on. What an engine cannot do of it has
    no effect, and the transcript says so."""
    return _shown(service.change(who.user_id, **change.model_dump(exclude_unset=True)))


def _shown(said: Defaults) -> TranscriptionDefaults:
    return TranscriptionDefaults(vocabulary=list(said.vocabulary), prompt=said.prompt, language=said.language)
