"""Edit a finished transcript: `…/transcript`, `…/edits`."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from tiro.errors import Conflict, EditConflict, Forbidden, InvalidRequest, NotFound, NotShared, Unauthorized
from tiro.features.editing.schemas import Edited, Edits, EditWish, Version
from tiro.features.editing.service import EditingService
from tiro.features.keys.dependencies import READ, Writer
from tiro.features.recordings.dependencies import guard_recording, open_to
from tiro.features.sharing.access import Access
from tiro.http.idempotency import ONCE, REFUSALS
from tiro.http.problems import ProblemBody, documented

router = APIRouter(
    prefix="/api/v1/transcribe/{session_id}",
    tags=["editing"],
    dependencies=[Depends(guard_recording)],
    responses=documented(Unauthorized, Forbidden, NotFound),
)


async def _service(request: Request) -> EditingService:
    return cast(EditingService, request.app.state.runtime.editing)


Service = Annotated[EditingService, Depends(_service)]


class TwoTexts(BaseModel):
    """A segment that two people have changed; null is one that is gone, or a change of something else."""

    segment: int
    yours: str | None
    theirs: str | None


class EditConflictBody(ProblemBody):
    """`edit_conflict` says what of the two is what; `conflict` is without these."""

    version: int | None = None
    conflicts: list[TwoTexts] = Field([])


_CONFLICTS = documented(Conflict, EditConflict)
_CONFLICTS[409]["model"] = EditConflictBody
_CONFLICTS[409].pop("content")


@router.patch(
    "/transcript",
    dependencies=[ONCE],
    responses={**documented(NotShared, InvalidRequest, *REFUSALS), **_CONFLICTS},
)
@open_to(Access.EDITOR)
def edit(service: Service, who: Writer, session_id: str, wish: EditWish) -> Edited:
    """Change the transcript: words, speakers, segments. All changes are made, as one new version, or none.
    Exports follow at once."""
    return service.edit(session_id, who.user_id, wish)


@router.get("/edits", dependencies=[READ])
@open_to(Access.VIEWER)
def list_edits(
    service: Service,
    session_id: str,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A version.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Edits:
    """Who changed what of the current transcript, newest first."""
    return service.history(session_id, before, limit)


@router.post(
    "/edits/{version}/undo",
    dependencies=[ONCE],
    responses={**documented(NotShared, InvalidRequest, *REFUSALS), **_CONFLICTS},
)
@open_to(Access.EDITOR)
def undo(service: Service, who: Writer, session_id: str, version: Version) -> Edited:
    """Take an edit back, whoever made it, where what it changed was not changed again. That is an edit too,
    which can be undone."""
    return service.undo(session_id, who.user_id, version)
