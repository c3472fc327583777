"""One's own keys: `/api/v1/keys`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, status
from pydantic import BaseModel, Field

from tiro.db.tables import KeyTable
from tiro.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from tiro.features.keys.dependencies import WRITE, Reader, Writer
from tiro.features.keys.scopes import Scope, read_back
from tiro.features.keys.service import KeyService
from tiro.http.fields import Moment
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], responses=documented(Unauthorized, Forbidden))


async def _service(request: Request) -> KeyService:
    return cast(KeyService, request.app.state.runtime.keys)


Service = Annotated[KeyService, Depends(_service)]


class KeyWish(BaseModel):
    """The key that is wanted."""

    name: str = Field("key", min_length=1, max_length=100, description="What it is for.")
    scopes: Annotated[list[Scope], Field(json_schema_extra={"minItems": 1})] | None = Field(
        None, description="What it may do; by default all that the key which makes it may."
    )
    expires_at: Moment | None = Field(None, description="By default never.")


class Key(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    prefix: str = Field(description="How the key begins.", examples=["tiro_Xy7a"])
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="When it was used last.")
    revoked_at: datetime | None


class NewKey(Key):
    secret: str = Field(description="The key itself. It is shown this once.")


class Keys(BaseModel):
    items: list[Key]


@router.get("")
def list_keys(service: Service, who: Reader) -> Keys:
    """Your keys in the order of their making, the revoked and expired among them."""
    return Keys(items=[Key(**_shown(service, row)) for row in service.list(who.user_id)])


@router.post(
    "",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(InvalidRequest, *REFUSALS),
)
def create_key(service: Service, who: Writer, wish: KeyWish) -> NewKey:
    """Make a key. It can do no more than the key that makes it, and live no longer."""
    row, secret = service.create_own(who, wish.name, wish.scopes, wish.expires_at)
    return NewKey(**_shown(service, row), secret=secret)


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotFound))
def revoke_key(service: Service, who: Writer, key_id: str) -> None:
    """Make a key of yours worthless, at once and for good."""
    service.revoke(key_id, who.user_id)


def _shown(service: KeyService, row: KeyTable) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": sorted(read_back(row.scopes), key=list(Scope).index),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": service.used_at(row),
        "revoked_at": row.revoked_at,
    }
