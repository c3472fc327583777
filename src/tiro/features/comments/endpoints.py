"""Comments on a recording: `…/comments`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, status
from pydantic import BaseModel, Field

from tiro.errors import Forbidden, InvalidRequest, NotFound, NotShared, Unauthorized
from tiro.features.comments.service import Authored, CommentService
from tiro.features.keys.dependencies import READ, Writer
from tiro.features.recordings.dependencies import guard_recording, open_to
from tiro.features.sharing.access import Access
from tiro.http.fields import AS_NUMBER, Flag
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import documented

_TEXT = Field(min_length=1, max_length=10_000)
_AT = "A moment of the recording in seconds; null where it is about all of it."

router = APIRouter(
    prefix="/api/v1/transcribe/{session_id}/comments",
    tags=["comments"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden, NotFound),
)


async def _service(request: Request) -> CommentService:
    return cast(CommentService, request.app.state.runtime.comments)


Service = Annotated[CommentService, Depends(_service)]


class CommentWish(BaseModel):
    text: Annotated[str, _TEXT]
    at: Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False), AS_NUMBER] | None = Field(
        None, description=_AT
    )


class CommentChange(BaseModel):
    """What is not named stays."""

    text: Annotated[str, _TEXT] | None = Field(None, description="Its author alone may change it.")
    resolved: Flag | None = Field(None, description="Whether it is dealt with.")


class Comment(BaseModel):
    id: str
    by: str | None = Field(description="The name of its author; null where they are gone.")
    text: str
    at: float | None = Field(description=_AT)
    created_at: datetime
    changed_at: datetime | None
    resolved_at: datetime | None


class Comments(BaseModel):
    """Oldest first. Where there may be more, ``next`` is what to send as ``after``."""

    items: list[Comment]
    next: str | None


@router.get("", dependencies=[READ])
@open_to(Access.VIEWER)
def list_comments(
    service: Service,
    session_id: str,
    after: Annotated[str | None, Query(max_length=100, description="The id of a comment.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Comments:
    """What was said of a recording."""
    items = [_shown(found) for found in service.page(session_id, after, limit)]
    return Comments(items=items, next=items[-1].id if len(items) == limit else None)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[ONCE],
    responses=documented(NotShared, InvalidRequest, *REFUSALS),
)
@open_to(Access.EDITOR)
def add_comment(service: Service, who: Writer, session_id: str, wish: CommentWish) -> Comment:
    """Say something of a recording, or of a moment of it."""
    return _shown(service.add(session_id, who.user_id, wish.text, wish.at))


@router.patch("/{comment_id}", responses=documented(NotShared, InvalidRequest))
@open_to(Access.EDITOR)
def change_comment(
    service: Service, who: Writer, session_id: str, comment_id: str, change: CommentChange
) -> Comment:
    """Change a comment of yours, or mark anybody's as dealt with."""
    found = service.change(session_id, comment_id, who.user_id, change.text, change.resolved)
    return _shown(found)


@router.delete("/{comment_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documented(NotShared))
@open_to(Access.EDITOR)
def remove_comment(service: Service, who: Writer, session_id: str, comment_id: str) -> None:
    """Take a comment away: your own, or on a recording of yours anybody's."""
    service.remove(session_id, comment_id, who.user_id)


def _shown(found: Authored) -> Comment:
    comment, by = found
    return Comment(
        id=comment.id,
        by=by,
        text=comment.text,
        at=comment.at,
        created_at=comment.created_at,
        changed_at=comment.changed_at,
        resolved_at=comment.resolved_at,
    )
