"""The settings of where recordings are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ByteSize, Field, SecretStr, field_validator, model_validator


class StorageSettings(BaseModel):
    """Where recordings are kept. What is not said here of S3, and of stores that speak as it does, is taken
    from the usual `AWS_…` variables; of Google Cloud Storage from the `GOOGLE_…` ones."""

    url: str | None = Field(
        None,
        description="`s3://bucket/prefix`, `gs://bucket/prefix`, or `file:///folder`; by default the data "
        "folder.",
    )
    endpoint: str | None = Field(
        None,
        description="Address of a store that speaks as S3 does, such as https://s3.example.org. Only one "
        "that begins with `http://` is spoken to without TLS.",
    )
    region: str | None = Field(None, description="Region of the bucket.")
    access_key: str | None = Field(None, description="Key to the bucket; a machine's role needs none.")
    secret_key: SecretStr | None = Field(None, description="The key's secret.")
    timeout_seconds: float = Field(60.0, gt=0, description="Longest time of one request to the store.")
    signed_seconds: int = Field(
        0,
        ge=0,
        le=604_800,
        description="Where it is more than 0, players are sent to the store, at an address that is good for "
        "so long. Needs a key to S3.",
    )
    orphan_hours: float = Field(
        24.0, ge=1, description="Age at which files that belong to no recording are put aside."
    )
    reserve: ByteSize = Field(
        ByteSize(200 * 1000**2), description="Free space that uploads never use up, such as 200MB."
    )

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if (
            parts.scheme in {"s3", "gs"}
            and parts.netloc
            and not (parts.query or parts.fragment or "@" in value)
        ):
            return value
        if parts.scheme == "file" and parts.netloc in {"", "localhost"} and len(parts.path) > 1:
            return value
        raise ValueError("it must be s3://bucket/prefix, gs://bucket/prefix, or file:///folder")

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not re.fullmatch(r"https?://[^/\s@?#]+(/[^\s@?#]*)?", value):
            raise ValueError("it must begin with https:// or http://, such as https://s3.example.org")
        return value

    @model_validator(mode="after")
    def _has_whole_key(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("TIRO_STORAGE_ACCESS_KEY and TIRO_STORAGE_SECRET_KEY go together")
        return self

    @property
    def bucket(self) -> str | None:
        """The address of the bucket, where recordings are in one."""
        return None if self.url is None or self.url.startswith("file:") else self.url

    @property
    def folder(self) -> Path | None:
        """The folder that was named, where one was."""
        return None if self.url is None or self.bucket else Path(unquote(urlsplit(self.url).path))
