"""What admins see of models and engines."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

ModelState = Literal["absent", "fetching", "failed", "present"]


class ModelDownload(BaseModel):
    """A model on its way, or one that did not arrive."""

    done: int = Field(description="Bytes.")
    total: int | None = Field(description="Bytes in all; null until the hub has said so.")
    error: str | None = Field(description="Why it broke off. What has arrived is kept, and gone on from.")
    host: str = Field(description="The machine that fetches it, for all servers of the database to see.")
    started_at: datetime


class LocalModel(BaseModel):
    name: str
    state: ModelState = Field(description="`failed`: not here, and the last download broke off.")
    known: bool = Field(description="Whether it can be downloaded; else somebody put it there.")
    megabytes: int | None = Field(description="About what a download takes.")
    bytes: int = Field(description="What it takes on the disk; of one on its way what has arrived.")
    source: Literal["models", "cache"] | None = Field(
        description="`cache`: it is in the cache that other programs share, and theirs to remove."
    )
    languages: Literal["english", "many"] | None
    translates: bool | None
    speed: Literal["fastest", "fast", "medium", "slow", "slowest"] | None
    accuracy: int | None = Field(description="From 0 to 100, to put them in order.")
    default: bool = Field(description="Whether it is the one that `whisper` alone means.")
    download: ModelDownload | None


class LocalEngine(BaseModel):
    name: str
    ready: bool
    detail: str
    default: bool = Field(description="Whether it is used where a request names none.")


class LocalModels(BaseModel):
    """Of the machine that answers. Best first, those that are here before those that are not."""

    items: list[LocalModel]
    engines: list[LocalEngine]
    folder: str
    free: int = Field(description="Bytes that are left on the disk of `folder`.")
    downloads: bool = Field(description="Whether TIRO_ENGINE_DOWNLOAD allows them.")
