"""The audit log: `/api/v1/audit` for admins, and what concerns oneself: `/api/v1/me/activity`."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from tiro.errors import Forbidden, InvalidRequest, Unauthorized
from tiro.features.audit.actions import GROUPS, Action
from tiro.features.audit.export import as_csv, jsonl
from tiro.features.audit.schemas import Entries
from tiro.features.audit.service import AuditService, Wanted
from tiro.features.keys.dependencies import ADMIN, Reader
from tiro.http.fields import Moment
from tiro.http.problems import documented

_PREFIX = "/api/v1/audit"
_LAST = 10**18
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

router = APIRouter(
    prefix=_PREFIX, tags=["audit"], dependencies=[ADMIN], responses=documented(Unauthorized, Forbidden)
)
own = APIRouter(prefix="/api/v1/me", tags=["account"], responses=documented(Unauthorized, Forbidden))


async def _service(request: Request) -> AuditService:
    return cast(AuditService, request.app.state.runtime.audit)


async def _wanted(
    actor: Annotated[
        str | None,
        Query(
            max_length=100,
            description="A user's or key's id; or `key`, `login`, `anonymous`, `command line`, `server`.",
        ),
    ] = None,
    action: Annotated[
        str | None,
        Query(
            max_length=100,
            description="Such as `recording.deleted`, or `recording` for all of these.",
            json_schema_extra={"enum": [*sorted(GROUPS), *Action]},
        ),
    ] = None,
    target: Annotated[str | None, Query(max_length=100, description="The id of what it was done to.")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    before: Annotated[int | None, Query(ge=0, le=_LAST, description="`next` of the page before.")] = None,
) -> Wanted:
    return Wanted(actor=actor, action=action, target=target, since=since, until=until, before=before)


Service = Annotated[AuditService, Depends(_service)]
Filter = Annotated[Wanted, Depends(_wanted)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("", responses=documented(InvalidRequest))
def list_entries(service: Service, wanted: Filter, limit: Limit = 100) -> Entries:
    """Who did what to what, when, and from where; newest first."""
    return service.page(wanted, limit)


@router.get(
    "/export.{extension}",
    response_class=Response,
    responses={
        200: {
            "description": "All entries that the filters leave, newest first.",
            "content": {media_type.partition(";")[0]: {} for media_type in _MEDIA_TYPES.values()},
        },
        **documented(InvalidRequest),
    },
)
def export_entries(service: Service, wanted: Filter, extension: Literal["csv", "jsonl"]) -> StreamingResponse:
    """The audit log as a file. In CSV, what a spreadsheet would take for a formula has a `'` before it."""
    service.check(wanted)
    entries = service.every(wanted)
    lines = as_csv(entries) if extension == "csv" else jsonl(entries)
    return StreamingResponse(
        lines,
        media_type=_MEDIA_TYPES[extension],
        headers={"Content-Disposition": f'attachment; filename="audit.{extension}"'},
    )


@own.get("/activity")
def activity(
    service: Service,
    who: Reader,
    before: Annotated[int | None, Query(ge=0, le=_LAST, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> Entries:
    """What you did, and what was done to you and yours; newest first."""
    return service.concerning(who.user_id, before, limit)
