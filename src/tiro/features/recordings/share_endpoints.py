"""With whom a recording is shared: `…/shares` with people and groups, `…/links` with whoever has the link.
Only its owner asks and says so."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import BaseModel, Field

from tiro.db.tables import ShareLinkTable
from tiro.errors import Forbidden, InvalidRequest, NotFound, NotShared, Unauthorized
from tiro.features.keys.dependencies import READ, WRITE, Writer
from tiro.features.recordings.dependencies import guard_recording
from tiro.features.sharing.access import Role
from tiro.features.sharing.service import SharingService
from tiro.http.fields import Moment
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

router = APIRouter(
    prefix="/api/v1/transcribe/{session_id}",
    tags=["sharing"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden, NotShared, NotFound),
)


async def _service(request: Request) -> SharingService:
    return cast(SharingService, request.app.state.runtime.sharing)


Service = Annotated[SharingService, Depends(_service)]


class ShareWish(BaseModel):
    """With whom, and as what: a user or a group, by name."""

    user: str | None = Field(None, max_length=200)
    group: str | None = Field(None, max_length=200)
    role: Role = Field("viewer", description="An editor may also cancel and retry the job.")


class Share(BaseModel):
    id: str
    user: str | None
    group: str | None
    role: Role
    created_at: datetime


class Shares(BaseModel):
    items: list[Share]


class LinkWish(BaseModel):
    expires_at: Moment | None = Field(None, description="By default never.")


class ShareLink(BaseModel):
    """A link without its address, which nobody can show again."""

    id: str
    created_at: datetime
    expires_at: datetime | None


class NewShareLink(ShareLink):
    link: str = Field(description="Whoever has it can read the recording. It is shown this once.")


class ShareLinks(BaseModel):
    items: list[ShareLink]


@router.get("/shares", dependencies=[READ])
def list_shares(service: Service, session_id: str) -> Shares:
    """The people and groups that a recording of yours is shared with."""
    items = [Share.model_validate(share._asdict()) for share in service.shares(session_id)]
    return Shares(items=items)


@router.post(
    "/shares",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(InvalidRequest, *REFUSALS),
)
def share(service: Service, who: Writer, session_id: str, wish: ShareWish) -> Share:
    """Share a recording of yours. With somebody who has it already, this changes their role."""
    made = service.share(session_id, who.user_id, user=wish.user, group=wish.group, role=wish.role)
    return Share.model_validate(made._asdict())


@router.delete("/shares/{share_id}", dependencies=[WRITE], status_code=status.HTTP_204_NO_CONTENT)
def unshare(service: Service, session_id: str, share_id: str) -> None:
    """Take a share back. It ends at once; an open stream of events within half a minute."""
    service.unshare(session_id, share_id)


@router.get("/links", dependencies=[READ])
def list_links(service: Service, session_id: str) -> ShareLinks:
    """The links that open a recording of yours, the expired among them."""
    return ShareLinks(items=[ShareLink(**_shown(row)) for row in service.links(session_id)])


@router.post(
    "/links",
    dependencies=[WRITE, ONCE],
    status_code=status.HTTP_201_CREATED,
    responses=documented(InvalidRequest, *REFUSALS),
)
def make_link(
    request: Request, response: Response, service: Service, session_id: str, wish: LinkWish | None = None
) -> NewShareLink:
    """Make a link with which anybody can read a recording of yours, without a key."""
    row, token = service.make_link(session_id, wish.expires_at if wish else None)
    response.headers["Cache-Control"] = "no-store"
    return NewShareLink(**_shown(row), link=f"{str(request.base_url).rstrip('/')}/api/v1/shared/{token}")


@router.delete("/links/{link_id}", dependencies=[WRITE], status_code=status.HTTP_204_NO_CONTENT)
def revoke_link(service: Service, session_id: str, link_id: str) -> None:
    """Make a link worthless, at once and for good."""
    service.revoke_link(session_id, link_id)


def _shown(row: ShareLinkTable) -> dict[str, datetime | str | None]:
    return {"id": row.id, "created_at": row.created_at, "expires_at": row.expires_at}
